//! Fuzzing on stable Rust: corpora that are committed, changed byte by byte, into what reads them.
//!
//! Each target is a unit test named `fuzz_...` beside what it tries, and calls [`run`]. In the normal tests it replays its
//! corpus and a few thousand changed inputs, always the same ones. For a long run:
//!
//! ```text
//! WINCALL_FUZZ_COUNT=10000000 WINCALL_FUZZ_SECONDS=600 cargo test --lib -- --nocapture fuzz_
//! ```
//!
//! It ends at the count or the time, whatever comes first, and says how many inputs there were. An input that makes a
//! target panic is kept under `target/fuzz`; one that does not come back within [`HANG`], or memory that grows without
//! bound, fails as well.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Inputs of a normal test run.
const USUAL: u64 = 2500;
/// A normal run ends after this time, however slow the machine is.
const USUAL_TIME: Duration = Duration::from_secs(5);
/// No input may take longer, in a long run.
const HANG: Duration = Duration::from_secs(20);
/// How much the process may grow in a long run, bytes. All targets of a run share the process.
const GROWTH: u64 = 512 << 20;
/// Longest input.
const LONGEST: usize = 32 * 1024;

/// Bytes and words that mean something to one reader or another.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\0",
    b"\x1b[",
    b"\x1b]",
    b"\x1b\\",
    b"\x1bP",
    b"\x1b[200~",
    b"\x1b[201~",
    b"\x9b",
    b"\x7f",
    b"\"",
    b"\\",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"<",
    b">",
    b":",
    b";",
    b",",
    b"=",
    b"/",
    b"%",
    b"%00",
    b"@",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"0",
    b"-1",
    b"1e400",
    b"4294967296",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"\\u0000",
    b"\\ud800",
    b"\xef\xbb\xbf",
    "\u{202e}".as_bytes(),
    "\u{2028}".as_bytes(),
    "张".as_bytes(),
    b"\xff\xfe",
];

/// A generator of numbers that is the same everywhere (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() >> 11) as usize % end }
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A part of an input.
fn range(chance: &mut Chance, length: usize, most: usize) -> std::ops::Range<usize> {
    let from = chance.below(length + 1);
    from..(from + chance.below(most + 1)).min(length)
}

/// One change.
fn change(chance: &mut Chance, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let length = input.len();
    match chance.below(11) {
        0 if length > 0 => {
            let at = chance.below(length);
            input[at] ^= 1 << chance.below(8);
        }
        1 if length > 0 => {
            let at = chance.below(length);
            input[at] = chance.next() as u8;
        }
        2 => {
            let (at, token) = (chance.below(length + 1), *chance.of(TOKENS));
            input.splice(at..at, token.iter().copied());
        }
        3 => {
            let (place, token) = (range(chance, length, 6), *chance.of(TOKENS));
            input.splice(place, token.iter().copied());
        }
        4 => {
            let place = range(chance, length, 40);
            input.drain(place);
        }
        5 => {
            let place = range(chance, length, 80);
            let (copy, at) = (input[place].to_vec(), chance.below(length + 1));
            input.splice(at..at, copy);
        }
        6 => {
            let other = chance.of(corpus);
            let place = range(chance, other.len(), 120);
            let (copy, at) = (other[place].to_vec(), chance.below(length + 1));
            input.splice(at..at, copy);
        }
        7 => {
            let other = chance.of(corpus);
            let (kept, from) = (chance.below(length + 1), chance.below(other.len() + 1));
            input.truncate(kept);
            input.extend_from_slice(&other[from..]);
        }
        8 => {
            let kept = chance.below(length + 1);
            input.truncate(kept);
        }
        9 if chance.below(8) == 0 => {
            let place = range(chance, length, 12);
            let many = input[place].repeat(chance.below(400));
            let at = chance.below(length + 1);
            input.splice(at..at, many);
        }
        _ => {
            let bytes: Vec<u8> = (0..chance.below(9)).map(|_| chance.next() as u8).collect();
            let at = chance.below(length + 1);
            input.splice(at..at, bytes);
        }
    }
    input.truncate(LONGEST);
}

/// The files of a folder of this project, all in a fixed order.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Memory of the process, bytes.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Keeps an input and says where.
fn keep(name: &str, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    let path = folder.join(format!("{name}-{:016x}", hasher.finish()));
    fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input)).unwrap();
    path
}

/// Tries a target with the files of `folders`, each as it is and changed.
#[track_caller]
pub(crate) fn run(name: &'static str, folders: &[&str], target: impl Fn(&[u8])) {
    let corpus: Vec<Vec<u8>> = folders.iter().flat_map(|folder| files(folder)).collect();
    assert!(!corpus.is_empty(), "{name}: no corpus");
    let (count, seconds) = (from_environment("WINCALL_FUZZ_COUNT"), from_environment("WINCALL_FUZZ_SECONDS"));
    let long = count.is_some() || seconds.is_some();
    let most = count.unwrap_or(if long { u64::MAX } else { USUAL });
    let limit = seconds.map(Duration::from_secs).or((!long).then_some(USUAL_TIME));
    // A long run begins elsewhere each time, and says where.
    let seed = from_environment("WINCALL_FUZZ_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        if long { now.map_or(1, |now| now.as_nanos() as u64 | 1) } else { 1 }
    });
    let mut chance = Chance(seed.max(1));

    let current: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    if long {
        let (current, done, over) = (current.clone(), done.clone(), over.clone());
        std::thread::spawn(move || {
            let mut before = u64::MAX;
            while !over.load(Ordering::SeqCst) {
                let now = done.load(Ordering::SeqCst);
                if now == before && !over.load(Ordering::SeqCst) {
                    let path = keep(name, &current.lock().unwrap());
                    eprintln!("fuzz {name}: hangs with {}", path.display());
                    std::process::abort();
                }
                before = now;
                std::thread::sleep(HANG);
            }
        });
    }
    let (begun, memory) = (Instant::now(), resident());
    let (mut inputs, mut longest) = (0u64, Duration::ZERO);
    let mut input = Vec::new();
    let replayed = |inputs: u64| inputs >= corpus.len() as u64;
    while inputs < most && !(replayed(inputs) && limit.is_some_and(|limit| begun.elapsed() >= limit)) {
        input.clear();
        match corpus.get(usize::try_from(inputs).unwrap()) {
            Some(file) => input.extend_from_slice(file),
            None => {
                let file: &Vec<u8> = chance.of(&corpus);
                input.extend_from_slice(file);
                for _ in 0..=chance.below(8) {
                    change(&mut chance, &mut input, &corpus);
                }
            }
        }
        if long {
            current.lock().unwrap().clone_from(&input);
        }
        let started = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            over.store(true, Ordering::SeqCst);
            eprintln!("fuzz {name}: seed {seed}, input {inputs}, kept as {}", keep(name, &input).display());
            resume_unwind(panic);
        }
        longest = longest.max(started.elapsed());
        inputs += 1;
        done.store(inputs, Ordering::SeqCst);
        if long && inputs % 65_536 == 0 {
            let now = resident();
            assert!(now < memory + GROWTH, "{name}: {memory} bytes have become {now}");
        }
    }
    over.store(true, Ordering::SeqCst);
    if long {
        let seconds = begun.elapsed().as_secs();
        let grown = resident().saturating_sub(memory) >> 20;
        eprintln!(
            "fuzz {name}: {inputs} inputs in {seconds} s, longest {longest:?}, process grown by {grown} MB, seed {seed}"
        );
    }
}
