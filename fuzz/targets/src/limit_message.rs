//! What holders and authorities of limits say to each other, and what an authority has stored.

use tidegate_limits::{Answer, Ask, Ledger, Question, Renewal};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

/// A message has one encoding. Whatever is asked, in whatever state, the authority keeps its bound
/// and its answer is one.
pub fn run(octets: &[u8]) {
    if let Ok(answer) = Answer::decode(octets) {
        assert_eq!(answer.encode(), octets);
    }
    if let Ok(ledger) = Ledger::decode(octets) {
        assert_eq!(ledger.encode(), octets);
        ask(ledger, &question(Ask::Spend(1)));
    }
    if let Ok(question) = Question::decode(octets) {
        assert_eq!(question.encode(), octets);
        ask(Ledger::default(), &question);
    }
}

fn ask(mut ledger: Ledger, question: &Question) {
    let contract = question.contract();
    for now in [0, 1_700_000_000_000, u64::MAX] {
        let before = ledger.outstanding();
        let answer = ledger.answer(contract, &question.ask, UnixMillis(now));
        assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        let outstanding = ledger.outstanding();
        assert!(
            outstanding <= before || outstanding <= contract.burst().into(),
            "{outstanding} tokens are leased of {}",
            contract.burst()
        );
    }
}

fn question(ask: Ask) -> Question {
    Question {
        bucket: [7; 32],
        rate: Rate {
            count: 60,
            period: 60,
        },
        burst: 20,
        ask,
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let renewal = Renewal {
        holder: 7,
        sequence: 1,
        used: 0,
        left: 0,
        want: 5,
        demand: 4,
    };
    let [asked, spent] = [Ask::Renew(renewal), Ask::Spend(3)].map(question);
    let mut ledger = Ledger::default();
    let answers = [&asked, &spent].map(|question| {
        let now = UnixMillis(1_700_000_000_000);
        ledger
            .answer(question.contract(), &question.ask, now)
            .encode()
    });
    let [granted, debited] = answers;
    vec![
        asked.encode(),
        spent.encode(),
        granted,
        debited,
        ledger.encode(),
    ]
}
