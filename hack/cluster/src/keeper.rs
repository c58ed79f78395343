//! The one thread that starts every long-lived child.
//!
//! Children run under `setpriv --pdeathsig KILL`: the kernel kills them when their parent dies, also
//! after a SIGKILL. "Parent" means the *thread* that forked, and test threads come and go; so all
//! children are forked by this thread, which lives as long as the process.

use std::ffi::OsStr;
use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{SendError, Sender, channel};
use std::thread;

struct Request {
    command: Command,
    reply: Sender<io::Result<Child>>,
}

/// A command that ends with this process, if [`spawn`] starts it.
pub fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts a [`mortal`] command.
pub fn spawn(command: Command) -> io::Result<Child> {
    static KEEPER: OnceLock<Sender<Request>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (requests, inbox) = channel();
        thread::spawn(move || {
            for Request { mut command, reply } in inbox {
                // Whoever asked waits for the answer, so there is always somebody to take it.
                let _ = reply.send(command.spawn());
            }
        });
        requests
    });
    let (reply, answer) = channel();
    let gone = || io::Error::other("the thread that starts processes has ended");
    keeper.send(Request { command, reply }).map_err(|SendError(_)| gone())?;
    answer.recv().map_err(|_| gone())?
}
