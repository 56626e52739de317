//! The script in Redis answers as the ledger of `edge/limits` does, number by number.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tidegate_limits::{Ask, Ledger, Question, Renewal};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::{Rate, Span};

use crate::server::Server;

const BUCKET: [u8; 32] = [7; 32];

fn ask() -> impl Strategy<Value = Ask> {
    let renewal = (
        0_u64..4,
        0_u32..30,
        0_u64..60,
        0_u32..20,
        0_u32..20,
        0_u32..40,
    );
    let renewal = renewal.prop_map(|(holder, sequence, used, left, want, demand)| {
        Ask::Renew(Renewal {
            // Above what a double holds exactly.
            holder: u64::MAX - holder,
            sequence,
            used,
            left,
            want,
            demand,
        })
    });
    prop_oneof![3 => renewal, 1 => (0_u32..12).prop_map(Ask::Spend)]
}

/// The server's clock when it last answered, as it is stored.
async fn clock(server: &Server) -> UnixMillis {
    let key = format!("tidegate:limit:{}", "07".repeat(32));
    // What says no more than a new bucket does is forgotten at once, whenever that was.
    let read = "local stored, time = redis.call('GET', KEYS[1]), redis.call('TIME') \
                local now = time[1] * 1000 + math.floor(time[2] / 1000) \
                return string.format('%.0f', stored and cmsgpack.unpack(stored).clock or now)";
    let clock: String = server.run(&["EVAL", read, "1", &key]).await;
    UnixMillis(clock.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_is_the_ledger() {
    let Some(server) = Server::start().await else {
        eprintln!("skipped: there is no `redis-server`");
        return;
    };
    let authority = server.authority();
    let mut runner = TestRunner::deterministic();
    for count in [0, 1, 60, 997] {
        for burst in [1, 20, 5_000] {
            let rate = Rate { count, period: 60 };
            let () = server.run(&["FLUSHALL"]).await;
            server.age().await;
            let (mut ledger, mut passed) = (Ledger::default(), 0);
            for _ in 0..150 {
                let question = Question {
                    bucket: BUCKET,
                    rate,
                    burst,
                    ask: ask().new_tree(&mut runner).unwrap().current(),
                };
                let answer = authority.answer(&question, Span(5_000)).await.unwrap();
                let now = clock(&server).await.plus(passed);
                let expected = ledger.answer(question.contract(), &question.ask, now);
                assert_eq!(answer, expected, "{question:?}");
                let gap = (0_u64..9_000).new_tree(&mut runner).unwrap().current();
                pass(&server, gap).await;
                passed += gap;
            }
        }
    }
}

/// Lets time pass for the server, by dating back what it has stored.
async fn pass(server: &Server, millis: u64) {
    let key = format!("tidegate:limit:{}", "07".repeat(32));
    let date_back = "local stored = redis.call('GET', KEYS[1]) \
         if not stored then return end \
         local ledger = cmsgpack.unpack(stored) \
         ledger.clock = ledger.clock - ARGV[1] \
         for _, lease in ipairs(ledger.leases) do lease.ends = lease.ends - ARGV[1] end \
         redis.call('SET', KEYS[1], cmsgpack.pack(ledger), 'KEEPTTL')";
    let millis = millis.to_string();
    let () = server.run(&["EVAL", date_back, "1", &key, &millis]).await;
}
