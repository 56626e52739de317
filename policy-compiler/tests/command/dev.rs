//! `tidegate dev`, as the README runs it: the bank, with real connectors, while its policy is edited.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::program;

/// How long anything may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program, and what it says.
struct Dev {
    child: Child,
    output: Receiver<String>,
    errors: Receiver<String>,
    address: String,
    token: String,
}

impl Dev {
    fn start(folder: &Path) -> Self {
        let mut child = program::tidegate(folder)
            .args(["dev", "bank", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut dev = Self {
            output: lines(child.stdout.take().unwrap()),
            errors: lines(child.stderr.take().unwrap()),
            child,
            address: String::new(),
            token: String::new(),
        };
        dev.address = after(&dev.output, "listening http://");
        dev.token = after(&dev.output, "TOKEN=");
        dev
    }

    /// The status of an account's request, with further fields.
    fn get(&self, fields: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "GET /v1/accounts/7 HTTP/1.1\r\nHost: api.bank.example\r\nConnection: close\r\n{fields}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The same, with the token that the program has given.
    fn ask(&self) -> u16 {
        self.get(&format!("Authorization: Bearer {}\r\n", self.token))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// What follows a text, in the next line that has it.
fn after(lines: &Receiver<String>, text: &str) -> String {
    loop {
        let line = lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("{error} before `{text}`"));
        if let Some((_, rest)) = line.split_once(text) {
            return rest.to_owned();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if from.is_dir() {
            copy(&from, &to.join(name));
        } else {
            fs::copy(&from, to.join(name)).unwrap();
        }
    }
}

#[test]
fn the_bank_runs_while_its_policy_is_edited() {
    let folder = tempfile::tempdir().unwrap();
    let bank = folder.path().join("bank");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/bank");
    copy(&example, &bank);
    let file = bank.join("policy.yaml");
    let policy = fs::read_to_string(&file).unwrap();
    let mut dev = Dev::start(folder.path());
    assert_eq!((dev.get(""), dev.ask()), (401, 200));

    // What does not compile is explained, and changes nothing.
    fs::write(&file, policy.replace("to: banking", "to: bankin")).unwrap();
    after(&dev.errors, "error[unknown-reference]");
    after(&dev.errors, "the policy before the change stays in force");
    assert_eq!(dev.ask(), 200);

    // The connectors enforce their half of the next one.
    let bears = "{ rate: 2000/s, burst: 4000 }";
    assert!(policy.contains(bears));
    fs::write(&file, policy.replace(bears, "{ rate: 1/h, burst: 1 }")).unwrap();
    after(&dev.errors, "the changed policy is in force");
    let refused = (0..10).any(|_| {
        thread::sleep(Duration::from_millis(200));
        dev.ask() == 429
    });
    assert!(refused, "the connectors go on by the old policy");

    let id = dev.child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.unwrap().success());
    assert!(dev.child.wait().unwrap().success());
}
