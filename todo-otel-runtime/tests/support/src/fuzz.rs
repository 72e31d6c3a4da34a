//! The stable half of fuzzing: a target gets every input of its corpus, then changed ones until the time is over.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::{Duration, Instant},
};

/// Runs a target for `FUZZ_MS` milliseconds (default 200) from seed `FUZZ_SEED` (hexadecimal). An input that makes it
/// panic is written into the corpus, where it stays.
///
/// # Panics
/// When the target panics, or when its corpus is missing.
pub fn drive(name: &str, target: fn(&[u8])) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz/corpus")).join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut corpus: Vec<Vec<u8>> = entries.flatten().filter_map(|entry| std::fs::read(entry.path()).ok()).collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    let number = |name: &str, radix| std::env::var(name).ok().and_then(|text| u64::from_str_radix(&text, radix).ok());
    let seed = number("FUZZ_SEED", 16).unwrap_or(0x5eed);
    let time = Duration::from_millis(number("FUZZ_MS", 10).unwrap_or(200));
    let attempt = |input: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
            let hash = input
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            let file = folder.join(format!("crash-{hash:016x}"));
            let kept = std::fs::write(&file, input);
            panic!("SEED={seed:x} figure=fuzz target={name} input kept as {} ({kept:?})", file.display());
        }
    };
    corpus.iter().for_each(|input| attempt(input));
    let (started, mut inputs, mut random) = (Instant::now(), corpus.len(), Random(seed | 1));
    while started.elapsed() < time {
        for _ in 0..32 {
            let mut input = corpus[random.below(corpus.len())].clone();
            for _ in 0..=random.below(6) {
                random.change(&mut input, &corpus);
            }
            attempt(&input);
            inputs += 1;
        }
    }
    println!("fuzz {name}: {inputs} inputs, seed {seed:x}, {:.1} s, 0 crashes", started.elapsed().as_secs_f64());
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20) as usize) % n.max(1)
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        const ODD: [&[u8]; 12] = [
            b"\0",
            b"\xff\xff\xff\xff",
            b"\x1b[",
            b"\r\n",
            b"-1",
            b"99999999999999999999",
            b"%",
            b"\"",
            b"\xe2\x80\xae",
            b"${",
            b"{",
            b"\x80",
        ];
        let at = self.below(input.len() + 1);
        match self.below(7) {
            0 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] ^= 1 << self.below(8);
            }
            1 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] = self.below(256) as u8;
            }
            2 => input.insert(at, self.below(256) as u8),
            3 => input.truncate(at),
            4 => {
                let odd = ODD[self.below(ODD.len())];
                input.splice(at..at, odd.iter().copied());
            }
            5 if input.len() < 1 << 16 => {
                let end = at + self.below(input.len() - at + 1);
                let copy = input[at..end].to_vec();
                input.splice(at..at, copy);
            }
            _ => {
                let other = &corpus[self.below(corpus.len())];
                input.truncate(at);
                input.extend_from_slice(&other[self.below(other.len() + 1)..]);
            }
        }
    }
}
