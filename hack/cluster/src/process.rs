//! A long-lived child with a log file of its own.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Action as _, Error, log_tail};
use crate::keeper;
use crate::poll::{self, Look};
use crate::run_dir::RunDir;

/// A running program; dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the recipe (program, arguments, environment) so that it ends with us, in a process
    /// group of its own so that a Ctrl-C at the terminal reaches us and not it.
    pub(crate) fn start(name: &str, recipe: &Command, dir: &RunDir) -> Result<Self, Error> {
        use std::os::unix::process::CommandExt as _;

        let log = dir.log(name);
        let open = || File::options().create(true).append(true).open(&log).action(|| format!("open {}", log.display()));
        let mut command = keeper::mortal(recipe.get_program());
        command.args(recipe.get_args()).current_dir(dir.path()).process_group(0);
        command.envs(recipe.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        let child = keeper::spawn(command).action(|| format!("start {name}"))?;
        let process = Self { name: name.into(), child, log };
        dir.record_process(process.child.id())?;
        Ok(process)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        log_tail(&self.log)
    }

    /// An error that quotes the log if it has ended.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(Error::Ended { name: self.name.clone(), status, log: self.log_tail() }),
        }
    }

    /// Asks it to end, and waits; kills it if it takes longer than `patience`.
    pub(crate) fn stop(&mut self, patience: Duration) -> Result<(), Error> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself: then there is nothing to ask.
            let _ = kill_process(pid, Signal::TERM);
        }
        let what = format!("the end of {}", self.name);
        let ended = poll::until(&what, patience, Duration::from_millis(20), || {
            Ok(self.ended()?.map_or_else(|| Look::NotYet(String::new()), Look::There))
        });
        match ended {
            Ok(_) => Ok(()),
            Err(_) => self.kill(),
        }
    }

    /// Kills it and waits for its end.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        let kill = self.child.kill().and_then(|()| self.child.wait());
        kill.map(|_| ()).action(|| format!("kill {}", self.name))
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().action(|| format!("wait for {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
