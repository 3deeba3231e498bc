//! Passwords that people choose, as commands get them: never from the command line, where others could read along.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::say_aside;

/// Octets read at most.
const OCTETS_MAX: u64 = 4096;

/// Asks whoever sits there, twice and without showing it; or takes the first line, where it comes from a program.
pub(super) fn typed() -> io::Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return line();
    }
    let hidden = Hidden::begin()?;
    say_aside("The password: ");
    let first = line()?;
    say_aside("\nOnce more: ");
    let second = line()?;
    say_aside("\n");
    drop(hidden);
    if *first == *second {
        Ok(first)
    } else {
        Err(io::Error::other("that was not the same twice; nothing was changed"))
    }
}

fn line() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(OCTETS_MAX).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::other(
            "no password came; write it into standard input, in one line",
        ));
    }
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let input = io::stdin();
        let before = tcgetattr(input.as_fd())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(input.as_fd(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that went away needs no care.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Flush, &self.0);
    }
}
