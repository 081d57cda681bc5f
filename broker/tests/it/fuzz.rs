//! What strangers send breaks no parser: the corpus in `broker/tests/corpus`, and what it changes into by chance.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use broker::fuzzing::{TARGETS, Target};

/// Changed inputs of each target in every test run. The same ones each time.
const ITERATIONS: u64 = 5_000;
/// The longest input that is made.
const MAX_INPUT: usize = 6_000;

/// Pieces that parsers look at twice.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"null",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"client-",
    b"pusher:subscribe",
    b"weir:hello",
    b"private-encrypted-cache-",
    b"#server-to-user-",
    b"\"event\":",
    b"\"data\":",
    b"auth_key=",
    b"&",
    b"%",
    b"\xff\xff\xff\xff",
    b"\x81\x80\0\0\0\0",
    b"\n",
];

/// Chance, the same for the same seed: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(name)
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // In the same order everywhere.
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// One input, changed a few times.
fn changed(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = corpus[chance.below(corpus.len())].clone();
    for _ in 0..=chance.below(6) {
        let at = chance.below(input.len() + 1);
        let until = (at + chance.below(16)).min(input.len());
        match chance.below(8) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = chance.byte(),
            2 => input.insert(at, chance.byte()),
            3 => drop(input.drain(at..until)),
            4 => {
                let piece = input[at..until].to_vec();
                for _ in 0..=chance.below(8) {
                    input.splice(at..at, piece.iter().copied());
                }
            }
            5 => {
                let word = WORDS[chance.below(WORDS.len())];
                input.splice(at..until, word.iter().copied());
            }
            6 => input.truncate(at),
            _ => {
                // The end of another one.
                let other = &corpus[chance.below(corpus.len())];
                input.truncate(at);
                input.extend_from_slice(&other[chance.below(other.len() + 1)..]);
            }
        }
    }
    input.truncate(MAX_INPUT);
    input
}

/// Runs one input. One that breaks something is kept beside the corpus, to be looked at and checked in.
fn run(name: &str, target: Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let finding = std::env::temp_dir().join(format!("weir-fuzz-{name}-{}", std::process::id()));
        fs::write(&finding, input).unwrap();
        eprintln!(
            "{name}: {} holds the input; copy it to {}",
            finding.display(),
            folder(name).display()
        );
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_corpus_and_what_it_changes_into_breaks_no_parser() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.len() >= 10, "{name}");
        for input in &corpus {
            run(name, target, input);
        }
        let mut chance = Chance(7);
        for _ in 0..ITERATIONS {
            run(name, target, &changed(&corpus, &mut chance));
        }
    }
}

/// For people with time: `WEIR_FUZZ_SECONDS=600 cargo test -p broker --release -- --ignored --nocapture fuzz`, so many seconds
/// for each target (60 unless set), other inputs each time.
#[test]
#[ignore = "runs for minutes"]
fn fuzz_every_parser_for_a_while() {
    let seconds = std::env::var("WEIR_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    // A hasher's keys are as random as a seed has to be.
    let seed = RandomState::new().hash_one(());
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let mut chance = Chance(seed);
        let (mut count, end) = (0_u64, Instant::now() + Duration::from_secs(seconds));
        while Instant::now() < end {
            for _ in 0..256 {
                run(name, target, &changed(&corpus, &mut chance));
            }
            count += 256;
        }
        writeln!(std::io::stderr(), "{name}: {count} inputs, seed {seed}").unwrap();
    }
}
