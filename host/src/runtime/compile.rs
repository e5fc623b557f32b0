//! The resource-limited child that compiles an upload.
//!
//! wasmtime promises nothing about the time and memory that compiling a hostile component takes, so it is done by a
//! process of its own: this program once more, without environment, reading the component from its standard input and
//! writing compiled code to its standard output.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{io::AsyncReadExt as _, process::Command, sync::Semaphore};

use super::{
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
/// Descriptors that the child may have.
const FILES: u64 = 32;

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

/// Compiles components, a few at one time.
pub(super) struct Compiler {
    program: Program,
    limits: CompileSettings,
    permits: Semaphore,
}

impl Compiler {
    pub(super) fn new(program: Program, limits: CompileSettings) -> Self {
        let permits = Semaphore::new(limits.concurrent.max(1));
        Self {
            program,
            limits,
            permits,
        }
    }

    /// Compiles `component` into `code`.
    pub(super) async fn compile(&self, component: File, code: File) -> Result<(), Error> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
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
            (_, Some(SIGSEGV)) => Error::TooExpensive(
                "compiling the component took more stack than the compiler has".to_owned(),
            ),
            // A panic of the compiler: nothing that the uploader can read, but his component causes it.
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

/// The compiling child: `zonda compile-component MEMORY_MIB CPU_SECS CODE_MIB < component > code`.
#[must_use]
pub fn child_main() -> ExitCode {
    let (code, complaint) = match compile_stdin() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(ChildError::Refused(err)) => (REFUSED, format!("{err:#}")),
        Err(ChildError::Broken(err)) => (BROKEN, err.to_string()),
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

fn compile_stdin() -> Result<(), ChildError> {
    let limits: Vec<u64> = std::env::args()
        .skip_while(|argument| argument != SUBCOMMAND)
        .skip(1)
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let &[memory_mib, cpu_secs, code_mib] = limits.as_slice() else {
        return Err(io::Error::other("expected MEMORY_MIB CPU_SECS CODE_MIB").into());
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, FILES)?;
    limit(Resource::Cpu, cpu_secs)?;
    limit(Resource::Fsize, code_mib.saturating_mul(1 << 20))?;
    limit(Resource::As, memory_mib.saturating_mul(1 << 20))?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    let engine = engine::compiling(Settings::default().stack_bytes())?;
    let code = engine
        .precompile_component(&component)
        .map_err(ChildError::Refused)?;
    io::stdout().lock().write_all(&code)?;
    Ok(())
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}
