//! Each target with a fixed number of inputs, the same in every run: what it begins with, and
//! mutations of that.

#![cfg(test)]

use fastrand::Rng;
use tidegate_fuzz_targets::{TARGETS, Target};

/// Octets at which readers take turns.
const INTERESTING: &[u8] = b"\0\x01\x17\x18\x1f\x20\x7f\x80\xff /.%:@{}*[]\"',;=-_aAzZ09\n\t\\";

fn smoke(name: &str, inputs: usize) {
    let target: &Target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    let mut rng = Rng::with_seed(1);
    for seed in &seeds {
        try_input(target, seed);
    }
    for _ in 0..inputs {
        let mut input = seeds[rng.usize(..seeds.len())].clone();
        for _ in 0..rng.usize(1..=4) {
            mutate(&mut input, &seeds, &mut rng);
        }
        try_input(target, &input);
    }
}

fn try_input(target: &Target, input: &[u8]) {
    let shown = Shown(target.name, input);
    (target.run)(input);
    drop(shown);
}

/// Shows the input on which a target fails.
struct Shown<'a>(&'static str, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target `{}` fails on {}", self.0, self.1.escape_ascii());
        }
    }
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    let end = (at + rng.usize(1..=8)).min(input.len());
    let octet = INTERESTING[rng.usize(..INTERESTING.len())];
    match rng.u8(..8) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        1 if at < input.len() => input[at] = octet,
        2 => input.insert(at, octet),
        3 => drop(input.drain(at..end)),
        4 => input.extend_from_within(at..end),
        5 => {
            let copied = input[at..end].to_vec();
            let to = rng.usize(..=input.len());
            input.splice(to..to, copied);
        }
        6 => {
            let other = &seeds[rng.usize(..seeds.len())];
            let from = rng.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => input.truncate(at),
    }
}

macro_rules! smoke {
    ($($name:ident: $inputs:literal,)+) => {
        $(#[test]
        fn $name() {
            smoke(stringify!($name), $inputs);
        })+

        #[test]
        fn every_target_is_tried() {
            let tried = [$(stringify!($name)),+];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tried);
        }
    };
}

smoke! {
    api_key: 500_000,
    api_key_record: 100_000,
    authority: 500_000,
    certificate: 100_000,
    channel: 40_000,
    claims: 40_000,
    condition: 40_000,
    envelope: 50_000,
    expression: 40_000,
    introspection: 40_000,
    jwk: 40_000,
    limit_message: 40_000,
    path: 500_000,
    pattern: 300_000,
    payload: 20_000,
    policy: 4_000,
    proof: 30_000,
    revocations: 40_000,
    section: 20_000,
    signature: 20_000,
    token: 30_000,
}
