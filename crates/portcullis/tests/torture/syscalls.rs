//! What `strace -f -yy -xx -v` wrote down, as calls with a beginning and an end.
//!
//! The tracer stops a thread at the entry and at the exit of each call and writes the lines in the order of these
//! stops. So if one call's end stands before another's beginning, it was over before the other began, whatever the
//! threads. A call that another thread interrupts stands in two lines, `<unfinished ...>` and `<... resumed>`.

use std::collections::BTreeMap;

/// The calls that matter here, for `strace -e`.
pub const TRACED: &str = "trace=openat,rename,renameat,renameat2,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,\
                          sync_file_range,sendto,sendmsg";

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Lines of the trace: a beginning and an end are never the same moment, except within one call.
    pub begin: usize,
    pub end: usize,
    /// What it returned; none where the process ended before it did.
    pub result: Option<i64>,
    /// The tracer answered it in the system's place: nothing was done.
    pub injected: bool,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// Octets went into a file.
    Write {
        path: String,
        octets: Vec<u8>,
    },
    /// Octets went to a socket.
    Send {
        octets: Vec<u8>,
    },
    /// A file, or a folder, was synced.
    Sync {
        path: String,
    },
    /// A file was made, or might have been.
    Create {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
}

impl Call {
    /// Whether the system carried it out.
    pub fn done(&self) -> bool {
        self.result.is_some_and(|result| result >= 0) && !self.injected
    }
}

/// Reads a trace. Lines that are no such call are passed over; a line that is half a call is an error.
pub fn read(trace: &str) -> Result<Vec<Call>, String> {
    let mut begun: BTreeMap<u64, (usize, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Ok(thread) = thread.parse::<u64>() else { continue };
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (at, head.to_owned()));
        } else if let Some((_, tail)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let (begin, head) = begun
                .remove(&thread)
                .ok_or_else(|| format!("line {at} resumes what never began"))?;
            calls.extend(parse(begin, at, &format!("{head}{tail}"))?);
        } else {
            calls.extend(parse(at, at, rest)?);
        }
    }
    for (begin, head) in begun.into_values() {
        calls.extend(parse(begin, usize::MAX, &format!("{head}) = ?"))?);
    }
    calls.sort_by_key(|call| call.begin);
    Ok(calls)
}

fn parse(begin: usize, end: usize, text: &str) -> Result<Option<Call>, String> {
    let Some((name, rest)) = text.split_once('(') else {
        return Ok(None);
    };
    // Octets and paths are in hexadecimal, so nothing in them looks like the end of the arguments.
    let Some((arguments, result)) = rest.rsplit_once(" = ") else {
        return Ok(None);
    };
    let arguments = arguments.trim_end().trim_end_matches(')');
    let result_text = result.split([' ', '<']).next().unwrap_or_default();
    let strings = || quoted(arguments).map_err(|what| format!("line {begin}: {what}"));
    let what = match name {
        "fsync" | "fdatasync" => What::Sync {
            path: descriptor(arguments),
        },
        "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "sendto" | "sendmsg" => {
            let octets = strings()?.concat();
            if arguments.contains("\"...") {
                return Err(format!("line {begin}: the tracer cut the octets off"));
            }
            let to = descriptor(arguments);
            if to.starts_with('/') {
                What::Write { path: to, octets }
            } else {
                What::Send { octets }
            }
        }
        "openat" if arguments.contains("O_CREAT") => What::Create {
            path: strings()?.first().map(|path| lossy(path)).unwrap_or_default(),
        },
        "rename" | "renameat" | "renameat2" => match strings()?.as_slice() {
            [from, to] => What::Rename {
                from: lossy(from),
                to: lossy(to),
            },
            _ => return Err(format!("line {begin}: a renaming without two names")),
        },
        _ => return Ok(None),
    };
    Ok(Some(Call {
        begin,
        end,
        result: result_text.parse().ok(),
        injected: result.contains("(INJECTED)"),
        what,
    }))
}

/// What the first argument, a descriptor, stands for: a path, or the two ends of a connection.
fn descriptor(arguments: &str) -> String {
    let first = arguments.split_once('<').map(|(_, rest)| rest).unwrap_or_default();
    let name = first.split(['>', ',']).next().unwrap_or_default();
    unhex(name).map_or_else(|| name.to_owned(), |name| lossy(&name))
}

/// All strings among the arguments.
fn quoted(arguments: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut strings = Vec::new();
    for (at, piece) in arguments.split('"').enumerate() {
        if at % 2 == 1 {
            strings.push(unhex(piece).ok_or("a string that is not in hexadecimal")?);
        }
    }
    Ok(strings)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(4);
    pairs
        .map(|pair| match pair {
            [b'\\', b'x', high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).map(|digit| digit as u8)
}

fn lossy(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn calls_are_read_with_their_beginnings_and_ends() {
    let trace = "7 openat(AT_FDCWD<\\x2f>, \"\\x2f\\x61\", O_RDWR|O_CREAT|O_EXCL, 0600) = 5<\\x2f\\x61>\n\
                 7 pwritev(5<\\x2f\\x61>, [{iov_base=\"\\x01\", iov_len=1}, {iov_base=\"\\x02\", iov_len=1}], 2, 9) = 2\n\
                 7 fdatasync(5<\\x2f\\x61> <unfinished ...>\n\
                 8 sendto(4<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"\\x32\", 1, MSG_NOSIGNAL, NULL, 0) = 1\n\
                 7 <... fdatasync resumed>) = 0\n\
                 7 fdatasync(5<\\x2f\\x61>) = 0 (INJECTED)\n\
                 7 fsync(5<\\x2f\\x61>) = -1 EIO (Input/output error)\n\
                 8 write(5<\\x2f\\x61>, \"\\x03\", 1 <unfinished ...>\n";
    let calls = read(trace).unwrap();
    assert_eq!(calls.len(), 7);
    assert!(matches!(&calls[0].what, What::Create { path } if path == "/a"));
    assert!(matches!(&calls[1].what, What::Write { path, octets } if path == "/a" && octets == &[1, 2]));
    assert!(matches!(&calls[2].what, What::Sync { path } if path == "/a"));
    assert_eq!((calls[2].begin, calls[2].end, calls[2].done()), (2, 4, true));
    assert!(matches!(&calls[3].what, What::Send { octets } if octets == b"2"));
    assert!(!calls[4].done() && calls[4].injected);
    assert!(!calls[5].done() && calls[5].result == Some(-1));
    assert!(!calls[6].done() && calls[6].end == usize::MAX);
    assert!(read("7 <... fsync resumed>) = 0").is_err());
    assert!(read("7 write(5<\\x2f\\x61>, \"\\x03\"..., 4096) = 4096").is_err());
}
