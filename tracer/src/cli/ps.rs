//! `ps`: what a daemon records.

use super::daemon::no_answer;
use super::exit::Exit;
use super::failure::Failure;
use super::output::Sink;
use crate::daemon::protocol::{Answer, RefusalKind, Request, Target, TurnedAway};
use crate::daemon::{self, Client, ClientError};
use crate::report::escape;
use clap::ValueEnum;
use std::path::PathBuf;

/// List what a daemon records.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where the daemon listens.
    #[arg(long, value_name = "FILE", default_value = daemon::SOCKET)]
    socket: PathBuf,
    /// Form of the list.
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Form,
}

/// Form of a list.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table.
    Text,
    /// JSON.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut client = Client::connect(&arguments.socket).map_err(no_answer)?;
    let answer = client.ask(&Request::List).map_err(no_answer)?;
    let Answer::Targets(targets) = answer else {
        return Err(no_answer(ClientError::Unfitting));
    };
    let turned_away = turned_away(&mut client)?;
    let text = match arguments.format {
        Form::Text => table(&targets) + &no_room(&turned_away),
        Form::Json => {
            let list = serde_json::json!({
                "schemaVersion": 1,
                "targets": targets,
                "turnedAway": turned_away,
            });
            format!("{list:#}\n")
        }
    };
    Sink::open(None)?.write(&text)?;
    Ok(Exit::Done)
}

/// What there was no room for. An older daemon does not say.
fn turned_away(client: &mut Client) -> Result<Vec<TurnedAway>, Failure> {
    match client.ask(&Request::TurnedAway) {
        Ok(Answer::TurnedAway(turned_away)) => Ok(turned_away),
        Err(ClientError::Refused(refusal)) if refusal.kind == RefusalKind::Invalid => {
            Ok(Vec::new())
        }
        Ok(_) => Err(no_answer(ClientError::Unfitting)),
        Err(error) => Err(no_answer(error)),
    }
}

/// The list of what there was no room for, if there is any.
fn no_room(turned_away: &[TurnedAway]) -> String {
    if turned_away.is_empty() {
        return String::new();
    }
    let head = "\nnot recorded, because there was no room (--max):\n".to_owned();
    let lines = turned_away.iter().map(|one| {
        let since = escape::text(&one.since);
        format!("{}  since {since}\n", escape::text(&one.cgroup))
    });
    lines.fold(head, |text, line| text + &line)
}

/// Digits of a run's id that are shown; more tell nobody anything.
const RUN_LEN: usize = 8;

/// The list as a table.
fn table(targets: &[Target]) -> String {
    let head = [
        "RUN",
        "TARGET",
        "IMAGE",
        "CALLS",
        "ARGUMENTS",
        "NEWEST",
        "LOST",
    ];
    let rows = targets.iter().map(|target| {
        [
            escape::text(&target.run.chars().take(RUN_LEN).collect::<String>()),
            escape::text(&target.name),
            target.image.as_deref().map_or("-".to_owned(), escape::text),
            target.calls.to_string(),
            target.tuples.to_string(),
            format!("{} ago", super::progress::span(target.idle_ms / 1000)),
            target.missing.to_string(),
        ]
    });
    let rows: Vec<[String; 7]> = [head.map(str::to_owned)].into_iter().chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_table_that_no_name_can_break() {
        let target = |name: &str, image: Option<&str>, idle_ms| Target {
            run: "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9".to_owned(),
            name: name.to_owned(),
            cgroup: None,
            image: image.map(str::to_owned),
            since: String::new(),
            calls: 87,
            tuples: 31,
            idle_ms,
            missing: 0,
        };
        let targets = [
            target("web", Some("nginx:1.27"), 252_000),
            target("x\u{1b}[2J\ny", None, 900),
        ];
        let expected = "\
RUN       TARGET            IMAGE       CALLS  ARGUMENTS  NEWEST      LOST
0a1b2c3d  web               nginx:1.27  87     31         4m 12s ago  0
0a1b2c3d  x\\u{1b}[2J\\u{a}y  -           87     31         0s ago      0
";
        assert_eq!(table(&targets), expected);
        assert_eq!(table(&[]).lines().count(), 1);
        assert_eq!(no_room(&[]), "");
        let one = TurnedAway {
            cgroup: "/a\nb".to_owned(),
            since: "2026-01-01T00:00:00.000Z".to_owned(),
        };
        assert_eq!(
            no_room(&[one]),
            "\nnot recorded, because there was no room (--max):\n/a\\u{a}b  since 2026-01-01T00:00:00.000Z\n"
        );
    }
}
