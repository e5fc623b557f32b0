//! What fuzz targets share: the inputs that are kept in the tree, and mutations of them.
//!
//! A target is a test in the `fuzz.rs` beside the code that it tries. `cargo test` replays what is kept and tries
//! mutations for a moment, `scripts/fuzz` for as long as it is told. Inputs are kept in `__fuzz__/TARGET/corpus` beside
//! the target's file, where `cargo bolero` looks for them too.

use std::{
    fmt,
    ops::Bound::{Excluded, Included},
    path::PathBuf,
    time::Duration,
};

use bolero::{Driver, ValueGenerator};

/// How long `cargo test` tries mutations of one target; `BOLERO_RANDOM_TEST_TIME_MS` says otherwise.
pub(crate) const MOMENT: Duration = Duration::from_millis(60);
/// The longest input that is made.
const MOST_BYTES: usize = 16 << 10;
/// The most changes that one mutation makes.
const MOST_EDITS: usize = 6;

/// Tries a closure over `&[u8]` with what is kept and with mutations; `words` are what mutations put in.
///
/// A third argument turns what is kept, which is text wherever it can be, into what the target takes.
macro_rules! fuzz {
    ($words:expr, $check:expr) => {
        $crate::fuzz::fuzz!($words, $check, |kept| kept)
    };
    ($words:expr, $check:expr, $prepare:expr) => {{
        fn here() {}
        let check = std::panic::AssertUnwindSafe($check);
        let kept = $crate::fuzz::kept(file!(), std::any::type_name_of_val(&here), $prepare);
        for (name, bytes) in &kept {
            // Shown when the check fails.
            eprintln!("{name}");
            check(bytes);
        }
        #[cfg(not(fuzzing))]
        bolero::check!()
            .with_test_time($crate::fuzz::MOMENT)
            .with_generator($crate::fuzz::Mutations::new(kept, $words))
            .for_each(|input: &$crate::fuzz::Input| check(&input.0));
        // A coverage-guided engine does better with the bytes themselves.
        #[cfg(fuzzing)]
        bolero::check!().for_each(|bytes: &[u8]| check(bytes));
    }};
}
pub(crate) use fuzz;

/// An input as its bytes; prints as a literal that can be kept.
pub(crate) struct Input(pub(crate) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// The inputs kept for the target whose body holds `item`, each with its file's name.
pub(crate) fn kept(
    file: &str,
    item: &str,
    prepare: impl Fn(Vec<u8>) -> Vec<u8>,
) -> Vec<(String, Vec<u8>)> {
    let target: Vec<&str> = item.split("::").skip(1).collect();
    let target = target.split_last().expect("an item is in a target").1;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(file)
        .with_file_name("__fuzz__")
        .join(target.join("__"))
        .join("corpus");
    let files = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("no inputs in {}: {error}", folder.display()));
    let mut kept: Vec<(String, Vec<u8>)> = files
        .map(|file| {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            (path.display().to_string(), prepare(bytes))
        })
        .collect();
    kept.sort();
    kept
}

/// Mutations of what is kept.
pub(crate) struct Mutations {
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Mutations {
    pub(crate) fn new(kept: Vec<(String, Vec<u8>)>, words: &'static [&'static str]) -> Self {
        let mut seeds: Vec<Vec<u8>> = kept.into_iter().map(|(_, bytes)| bytes).collect();
        seeds.push(Vec::new());
        Self { seeds, words }
    }

    fn edit<D: Driver>(&self, driver: &mut D, bytes: &mut Vec<u8>) -> Option<()> {
        let start = driver.gen_usize(Included(&0), Included(&bytes.len()))?;
        let most = (bytes.len() - start).min(32);
        let end = start + driver.gen_usize(Included(&0), Included(&most))?;
        match driver.gen_u8(Included(&0), Excluded(&8))? {
            // Another byte, or one bit of it.
            0 => {
                let byte = driver.produce()?;
                bytes.splice(start..start, [byte]);
            }
            1 => {
                let bit = driver.gen_u8(Included(&0), Excluded(&8))?;
                if let Some(byte) = bytes.get_mut(start) {
                    *byte ^= 1 << bit;
                }
            }
            // Something left out, or said again.
            2 => {
                bytes.drain(start..end);
            }
            3 => {
                let again = bytes[start..end].to_vec();
                let times = driver.gen_usize(Included(&1), Included(&20))?;
                bytes.splice(start..start, again.repeat(times));
            }
            // A piece of another input.
            4 => {
                let other = &self.seeds[below(driver, self.seeds.len())?];
                let from = driver.gen_usize(Included(&0), Included(&other.len()))?;
                let to = driver.gen_usize(Included(&from), Included(&other.len()))?;
                bytes.splice(start..end, other[from..to].iter().copied());
            }
            // A word, put in or in place of something.
            kind => {
                if !self.words.is_empty() {
                    let word = self.words[below(driver, self.words.len())?];
                    let end = if kind == 5 { start } else { end };
                    bytes.splice(start..end, word.bytes());
                }
            }
        }
        Some(())
    }
}

impl ValueGenerator for Mutations {
    type Output = Input;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Input> {
        let mut bytes = self.seeds[below(driver, self.seeds.len())?].clone();
        for _ in 0..driver.gen_usize(Included(&1), Included(&MOST_EDITS))? {
            self.edit(driver, &mut bytes)?;
        }
        bytes.truncate(MOST_BYTES);
        Some(Input(bytes))
    }
}

fn below<D: Driver>(driver: &mut D, end: usize) -> Option<usize> {
    driver.gen_usize(Included(&0), Excluded(&end))
}
