//! Takes from the compiling child everything that compiling does not need: priority, core dumps, system calls.
//!
//! The filter is a list of what is allowed. It is set before the child reads the first byte of a component, so code
//! that a fault of the compiler lets in finds no file, no socket, no other program and no other process: it has the
//! three descriptors that the host gave it, memory within the limits, and its own end.

use std::{collections::BTreeMap, io};

use rustix::process::{DumpableBehavior, Resource, Rlimit, nice, set_dumpable_behavior, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// How far a compilation stands behind runs for the processor.
const NICENESS: i32 = 10;

/// Descriptors that the child may have.
const FILES: u64 = 32;

/// What compiling asks of the kernel on the one thread that the child has: its open descriptors, memory, its end.
const ALLOWED: [i64; 27] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Why the child is not confined; then it compiles nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unconfined {
    /// A limit or property of the process cannot be set.
    #[error("{0} cannot be set")]
    Process(&'static str, #[source] io::Error),
    /// The kernel or the machine does not know such filters.
    #[error("the filter of system calls cannot be set; the kernel needs CONFIG_SECCOMP_FILTER")]
    Filter(#[from] seccompiler::Error),
    /// The same, of the filter itself.
    #[error("there is no filter of system calls for this processor")]
    Processor(#[from] seccompiler::BackendError),
}

/// What the child may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    /// Address space, in MiB.
    pub(super) memory_mib: u64,
    /// CPU time, in seconds.
    pub(super) cpu_secs: u64,
    /// What it may write, in MiB.
    pub(super) code_mib: u64,
}

/// Sets the limits of this process; core dumps, which would hold another's component, are off.
///
/// # Errors
/// When one cannot be set.
pub(super) fn limit(means: Means) -> Result<(), Unconfined> {
    let mib = |count: u64| count.saturating_mul(1 << 20);
    for (name, resource, most) in [
        ("RLIMIT_CORE", Resource::Core, 0),
        ("RLIMIT_NOFILE", Resource::Nofile, FILES),
        ("RLIMIT_CPU", Resource::Cpu, means.cpu_secs),
        ("RLIMIT_FSIZE", Resource::Fsize, mib(means.code_mib)),
        ("RLIMIT_AS", Resource::As, mib(means.memory_mib)),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|err| Unconfined::Process(name, err.into()))?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|err| Unconfined::Process("PR_SET_DUMPABLE", err.into()))?;
    nice(NICENESS).map_err(|err| Unconfined::Process("the priority", err.into()))?;
    Ok(())
}

/// Takes every system call but the few that compiling needs from all threads of this process, and the way to new
/// privileges. What else it asks of the kernel fails with `EPERM`.
///
/// # Errors
/// When the filter cannot be set.
pub(super) fn confine() -> Result<(), Unconfined> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    // `abort` sends its signal this way; no other process gets one.
    let own_process = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        u64::from(std::process::id()),
    )?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own_process])?]);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(
        rules,
        refused,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter_all_threads(&program)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::Read as _,
        net::{TcpStream, UdpSocket},
        os::unix::net::UnixDatagram,
        process::Command,
        thread,
    };

    use rustix::process::{Signal, kill_process};

    use super::*;

    const PRISONER: &str = "prisoner-of-a-test";
    const MEANS: Means = Means {
        memory_mib: 4096,
        cpu_secs: 60,
        code_mib: 1,
    };

    /// Not a test but the child of the others: once confined, it tries what a hostile component might.
    #[test]
    fn prisoner() {
        if !std::env::args().any(|argument| argument == PRISONER) {
            return;
        }
        let parent = rustix::process::getppid().unwrap();
        limit(MEANS).unwrap();
        confine().unwrap();
        let tell = |what: &str, tried: io::Result<()>| {
            let outcome = match tried {
                Ok(()) => "done".to_owned(),
                Err(err) => format!("{:?}", err.kind()),
            };
            eprintln!("{what}: {outcome}");
        };
        tell("read a file", File::open("/etc/hostname").map(drop));
        tell("look at itself", File::open("/proc/self/maps").map(drop));
        tell("make a file", File::create("/tmp/zonda-prisoner").map(drop));
        tell("list a folder", fs::read_dir("/").map(drop));
        tell("delete a file", fs::remove_file("/tmp/zonda-prisoner"));
        tell("connect", TcpStream::connect("127.0.0.1:1").map(drop));
        tell("make a socket", UdpSocket::bind("127.0.0.1:0").map(drop));
        tell("make a local socket", UnixDatagram::unbound().map(drop));
        tell(
            "run a program",
            Command::new("/bin/true").status().map(drop),
        );
        tell(
            "start a thread",
            thread::Builder::new().spawn(|| ()).map(drop),
        );
        let signal = kill_process(parent, Signal::CONT);
        tell("signal another process", signal.map_err(Into::into));
        let limits = limit(MEANS).map_err(|_| io::ErrorKind::PermissionDenied.into());
        tell("raise its limits", limits);
        let again = matches!(confine(), Err(Unconfined::Filter(_)));
        eprintln!("a filter that cannot be set is an error: {again}");
        let mut text = String::new();
        tell(
            "read its input",
            io::stdin().read_to_string(&mut text).map(drop),
        );
        let taken = Vec::<u8>::new().try_reserve_exact(64 << 20);
        tell("take memory", taken.map_err(io::Error::other));
        std::process::exit(0);
    }

    #[test]
    fn a_confined_child_reads_its_input_and_nothing_else() {
        let child = Command::new("/proc/self/exe")
            .args(["--exact", "runtime::confine::tests::prisoner"])
            .args(["--nocapture", "--test-threads=1", PRISONER])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        for refused in [
            "read a file",
            "look at itself",
            "make a file",
            "list a folder",
            "delete a file",
            "connect",
            "make a socket",
            "make a local socket",
            "run a program",
            "start a thread",
            "signal another process",
            "raise its limits",
        ] {
            let line = format!("{refused}: PermissionDenied\n");
            assert!(said.contains(&line), "{line} is missing in {said}");
        }
        for allowed in [
            "a filter that cannot be set is an error: true\n",
            "read its input: done\n",
            "take memory: done\n",
        ] {
            assert!(said.contains(allowed), "{allowed} is missing in {said}");
        }
        assert!(child.status.success(), "{:?}", child.status);
    }
}
