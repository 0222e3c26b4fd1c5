//! The 49 messages of RFC 4475 (`tests/torture`): how many get the verdict that they must. The agent is asked by its own
//! test, which needs no sockets and lives inside the program; it is built if need be.

use std::process::Command;

use crate::table::{Table, Target};

const FIGURE: &str = "RFC 4475 messages with the verdict they must get";
const ALL: Target = Target::least(49.0, "");
const TEST: &str = "softphone::sip::agent::tests::torture::every_torture_message_gets_its_verdict";

pub fn measure(table: &mut Table) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ran = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["test", "--locked", "--quiet", "--lib", "--", "--exact", TEST])
        .output();
    let Ok(ran) = ran else { return table.not_measured(FIGURE, Some(ALL), "cargo does not start") };
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // The test names each message that got another verdict; when it fails for another reason, nothing is known.
    let wrong = said.lines().filter(|line| line.contains(".dat: ") && line.contains(" expected: ")).count();
    if said.contains("1 passed") || wrong > 0 {
        table.single(FIGURE, ALL, 49.0 - wrong as f64);
    } else {
        table.not_measured(FIGURE, Some(ALL), "its test neither passes nor names a message");
    }
}
