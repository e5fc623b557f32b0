//! The resource-limited child that compiles an upload.
//!
//! wasmtime promises nothing about the time and memory that compiling a hostile component takes, so it is done by a
//! process of its own: this program once more, without environment, reading the component from its standard input and
//! writing compiled code to its standard output. It has limits and next to no system calls; see [`super::confine`].

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    process::Command,
    sync::{Semaphore, SemaphorePermit},
};

use super::{
    confine::{self, Means},
    engine,
    error::Error,
    settings::{CompileSettings, Settings},
};

/// The hidden subcommand of the program.
pub const SUBCOMMAND: &str = "compile-component";

/// Exit codes of the child.
const REFUSED: u8 = 2;
const BROKEN: u8 = 3;

/// How much of the child's complaint is kept.
const COMPLAINT_BYTES: u64 = 4 << 10;

/// Signals that tell which limit ended the child.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// How the compiling child is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: OsString,
    /// Its arguments before the limits.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// This very program, also when its file was replaced meanwhile.
    #[must_use]
    pub fn own() -> Self {
        Self {
            path: "/proc/self/exe".into(),
            arguments: vec![SUBCOMMAND.into()],
        }
    }
}

/// What Rust's runtime says when it ends a process whose stack is full.
const STACK_IS_FULL: &str = "has overflowed its stack";

/// Compiles components, a few at one time.
pub(super) struct Compiler {
    program: Program,
    limits: CompileSettings,
    permits: Semaphore,
    /// A place for each upload that is being taken in or waits for it.
    places: Semaphore,
}

/// The right to compile. Whoever has it is one of a few.
pub struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
    _place: Option<SemaphorePermit<'a>>,
}

const NEVER_CLOSED: &str = "the semaphores are never closed";

impl Compiler {
    pub(super) fn new(program: Program, limits: CompileSettings) -> Self {
        let concurrent = limits.concurrent.clamp(1, Semaphore::MAX_PERMITS);
        let places = concurrent.saturating_add(limits.waiting);
        Self {
            program,
            permits: Semaphore::new(concurrent),
            places: Semaphore::new(places.min(Semaphore::MAX_PERMITS)),
            limits,
        }
    }

    /// The turn of an upload, unless too many wait for theirs.
    pub(super) async fn turn_of_upload(&self) -> Result<Turn<'_>, Error> {
        let place = self.places.try_acquire().map_err(|_| {
            Error::Busy(format!(
                "{0} uploads wait to be compiled, the most of this host (runtime.compile.waiting = {0}); try again later",
                self.limits.waiting
            ))
        })?;
        Ok(Turn {
            _permit: self.permits.acquire().await.expect(NEVER_CLOSED),
            _place: Some(place),
        })
    }

    /// The turn of a component that was taken in long ago: a run waits for it, within its own time.
    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn {
            _permit: self.permits.acquire().await.expect(NEVER_CLOSED),
            _place: None,
        }
    }

    /// Compiles `component` into `code`.
    pub(super) async fn compile(
        &self,
        _turn: &Turn<'_>,
        component: File,
        code: File,
    ) -> Result<(), Error> {
        let mut child = Command::new(&self.program.path)
            .args(&self.program.arguments)
            .arg(self.limits.memory_mib.to_string())
            .arg(self.limits.cpu_secs.to_string())
            .arg(self.limits.max_code_mib.to_string())
            .env_clear()
            .current_dir("/")
            .stdin(component)
            .stdout(code)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|err| Error::host("the compiling child cannot be started", err))?;
        let stderr = child.stderr.take();
        let ended = async {
            let mut complaint = Vec::new();
            if let Some(stderr) = stderr {
                let _ = stderr
                    .take(COMPLAINT_BYTES)
                    .read_to_end(&mut complaint)
                    .await;
            }
            (child.wait().await, complaint)
        };
        match tokio::time::timeout(Duration::from_secs(self.limits.wall_secs), ended).await {
            Ok((Ok(status), _)) if status.success() => Ok(()),
            Ok((Ok(status), complaint)) => Err(self.verdict(status, &complaint)),
            Ok((Err(err), _)) => Err(Error::host("the compiling child cannot be waited for", err)),
            Err(_) => Err(Error::TooExpensive(format!(
                "compiling the component took longer than {0} s (runtime.compile.wall_secs = {0})",
                self.limits.wall_secs
            ))),
        }
    }

    fn verdict(&self, status: ExitStatus, complaint: &[u8]) -> Error {
        let complaint = String::from_utf8_lossy(complaint);
        let is_out_of_memory = complaint.contains("out of memory");
        match (status.code(), status.signal()) {
            (_, Some(SIGABRT | SIGSEGV)) if complaint.contains(STACK_IS_FULL) => stack_is_full(),
            (_, signal) if is_out_of_memory || signal == Some(SIGABRT) => {
                Error::TooExpensive(format!(
                    "compiling the component took more than {0} MiB of memory (runtime.compile.memory_mib = {0})",
                    self.limits.memory_mib
                ))
            }
            (Some(code), _) if code == i32::from(REFUSED) => Error::Refused(format!(
                "the component cannot be compiled: {}",
                complaint.trim()
            )),
            (_, Some(SIGXCPU | SIGKILL)) => Error::TooExpensive(format!(
                "compiling the component took more than {0} s of CPU time (runtime.compile.cpu_secs = {0})",
                self.limits.cpu_secs
            )),
            (_, Some(SIGXFSZ)) => Error::TooExpensive(format!(
                "the compiled code is longer than {0} MiB (runtime.compile.max_code_mib = {0})",
                self.limits.max_code_mib
            )),
            (_, Some(SIGSEGV)) => stack_is_full(),
            // A panic of the compiler: nothing that the uploader can read, but the component causes it.
            (Some(101), _) => {
                Error::refused("the component cannot be compiled: the compiler gave up on it")
            }
            _ => Error::host(
                "the compiling child failed",
                io::Error::other(format!("{status}: {}", complaint.trim())),
            ),
        }
    }
}

fn stack_is_full() -> Error {
    Error::TooExpensive(
        "compiling the component took more stack than the compiler has: its types nest too deep"
            .to_owned(),
    )
}

/// The compiling child: `zonda compile-component MEMORY_MIB CPU_SECS CODE_MIB < component > code`.
#[must_use]
pub fn child_main() -> ExitCode {
    let (code, complaint) = match compile_stdin() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(ChildError::Refused(err)) => (REFUSED, format!("{err:#}")),
        Err(ChildError::Broken(err)) => (BROKEN, chain(&*err)),
    };
    let _ = writeln!(io::stderr(), "{complaint}");
    ExitCode::from(code)
}

enum ChildError {
    Refused(wasmtime::Error),
    Broken(Box<dyn std::error::Error>),
}

impl<E: std::error::Error + 'static> From<E> for ChildError {
    fn from(err: E) -> Self {
        Self::Broken(err.into())
    }
}

fn chain(err: &(dyn std::error::Error + 'static)) -> String {
    crate::telemetry::Chain(err).to_string()
}

fn compile_stdin() -> Result<(), ChildError> {
    let limits: Vec<u64> = std::env::args()
        .skip_while(|argument| argument != SUBCOMMAND)
        .skip(1)
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let &[memory_mib, cpu_secs, code_mib] = limits.as_slice() else {
        return Err(io::Error::other("expected MEMORY_MIB CPU_SECS CODE_MIB").into());
    };
    confine::limit(Means {
        memory_mib,
        cpu_secs,
        code_mib,
    })?;
    // The engine looks at the machine; after the filter nothing can be looked at any more.
    let engine = engine::compiling(Settings::default().stack_bytes())?;
    confine::confine()?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    let code = engine
        .precompile_component(&component)
        .map_err(ChildError::Refused)?;
    io::stdout().lock().write_all(&code)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::poll;
    use std::pin::pin;

    use super::*;

    fn compiler(concurrent: usize, waiting: usize) -> Compiler {
        let limits = CompileSettings {
            concurrent,
            waiting,
            ..CompileSettings::default()
        };
        Compiler::new(Program::own(), limits)
    }

    #[tokio::test]
    async fn only_a_few_compile_at_one_time() {
        let compiler = compiler(2, 5);
        let first = compiler.turn_of_upload().await.unwrap();
        let second = compiler.turn_of_upload().await.unwrap();
        let mut third = pin!(compiler.turn_of_upload());
        assert!(poll!(&mut third).is_pending());
        drop(first);
        assert!(poll!(&mut third).is_ready());
        drop(second);
    }

    #[tokio::test]
    async fn the_line_of_uploads_is_bounded_and_runs_stand_outside_of_it() {
        let compiler = compiler(1, 1);
        let first = compiler.turn_of_upload().await.unwrap();
        let mut second = pin!(compiler.turn_of_upload());
        assert!(poll!(&mut second).is_pending());
        let Err(Error::Busy(text)) = compiler.turn_of_upload().await else {
            panic!("a third upload waits");
        };
        assert!(text.contains("runtime.compile.waiting = 1"), "{text}");
        let mut run = pin!(compiler.turn());
        assert!(poll!(&mut run).is_pending());
        drop(first);
        assert!(poll!(&mut second).is_ready());
        assert!(poll!(&mut run).is_ready(), "the line is served in order");
    }
}
