//! `lockgate-cluster`: a real Kubernetes on this machine, for as long as a command or a person needs it.

mod args;
mod session;

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode, ExitStatus};
use std::thread;

use clap::Parser as _;
use lockgate_cluster::{Error, Programs, helm_for_people, write_token_kubeconfig};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::SIGTERM;

use crate::args::{Arguments, ClusterArgs, Verb};
use crate::session::{PAUSE, Session, build, io};

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Build { node, node_if_possible } => {
            build(node || (node_if_possible && session::node_is_possible())).map(|_| ExitCode::SUCCESS)
        }
        Verb::Up(cluster) => up(&cluster),
        Verb::Run { cluster, keep, command } => run(&cluster, keep, &command),
        Verb::Helm { arguments } => helm(&arguments),
        Verb::Token { namespace, name, kubeconfig_out } => token(&namespace, &name, &kubeconfig_out),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("lockgate-cluster: {error}");
        ExitCode::FAILURE
    })
}

fn up(cluster: &ClusterArgs) -> Result<ExitCode, Error> {
    let mut session = Session::start(cluster)?;
    session.explain();
    session.until_interrupted();
    Ok(ExitCode::SUCCESS)
}

fn run(cluster: &ClusterArgs, keep: bool, command: &[OsString]) -> Result<ExitCode, Error> {
    let mut session = Session::start(cluster)?;
    let (status, interrupted) = run_command(&mut session, command)?;
    if keep && !interrupted {
        session.explain();
        session.until_interrupted();
    }
    // As shells have it: an exit code, or 128 and the signal.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Runs the command to its end and tells whether a signal asked us to end meanwhile. A Ctrl-C reaches
/// it from the terminal as it reaches us; a SIGTERM is handed on; and if we are killed, so is it (the
/// thread that starts it lives as long as we do).
fn run_command(session: &mut Session, command: &[OsString]) -> Result<(ExitStatus, bool), Error> {
    let mut mortal = Command::new("setpriv");
    mortal.args(["--pdeathsig", "KILL", "--"]).args(command).envs(session.facts.iter().cloned());
    let mut child = mortal.spawn().map_err(io("run the command"))?;
    let mut interrupted = false;
    loop {
        if let Some(status) = child.try_wait().map_err(io("wait for the command"))? {
            return Ok((status, interrupted));
        }
        for signal in session.signals.pending() {
            interrupted = true;
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid.filter(|_| signal == SIGTERM) {
                // It may just have ended, which the next look will show.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        thread::sleep(PAUSE);
    }
}

/// Becomes Helm, so that its exit code and its signals are ours.
fn helm(arguments: &[OsString]) -> Result<ExitCode, Error> {
    Err(io("run helm")(helm_for_people()?.args(arguments).exec()))
}

fn token(namespace: &str, name: &str, out: &std::path::Path) -> Result<ExitCode, Error> {
    let kubectl = Programs::ensure(&["kubectl"])?.path("kubectl");
    write_token_kubeconfig(|| Command::new(&kubectl), namespace, name, out)?;
    Ok(ExitCode::SUCCESS)
}
