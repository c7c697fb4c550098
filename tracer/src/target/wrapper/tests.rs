use super::*;

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(Into::into).collect()
}

/// What is behind, and what it is asked behind.
fn found(line: &str) -> (String, String) {
    let words = words(line);
    let behind = behind(&words);
    let join = |words: &[OsString]| words.join(OsStr::new(" ")).into_string().unwrap();
    (
        join(&words[behind.at..]),
        join(&behind.surroundings(&words)),
    )
}

#[test]
fn commands_are_looked_through_as_they_read_their_words() {
    for (before, surroundings) in [
        ("env", "env"),
        ("/usr/bin/env", "/usr/bin/env"),
        ("env A=b C=", "env A=b C="),
        (
            "env -i -u X -uY --unset=Z --unset W A=b",
            "env -i -u X -uY --unset=Z --unset W A=b",
        ),
        ("env -ivC /tmp - A=b", "env -ivC /tmp - A=b"),
        ("env -- - A=b", "env -- - A=b"),
        (
            "env --ignore-environment --block-signal --default-signal=INT",
            "env --ignore-environment --block-signal --default-signal=INT",
        ),
        // A shortened name, as long as it is clear.
        ("env --ch /tmp --argv0=x", "env --ch /tmp --argv0=x"),
        ("nice", ""),
        ("nice -n 5 --adjustment=3 --adj 4 -n7", ""),
        ("nice -5 -n 3 --10 -+2 -- ", ""),
        ("timeout 5", ""),
        (
            "timeout -k 3 -s INT --foreground -v --signal=9 --kill-after 2 -- 1m",
            "",
        ),
        ("timeout -vk3 5", ""),
        ("time -v -o out -f%e --append -p -q", ""),
        ("sudo", "sudo"),
        ("sudo -Eu bob -g staff A=b", "sudo -Eu bob -g staff A=b"),
        (
            "sudo -nHu#1000 --preserve-env --preserve-env=A,B -C 5 --",
            "sudo -nHu#1000 --preserve-env --preserve-env=A,B -C 5 --",
        ),
        (
            "env A=b nice timeout 5 sudo -u bob time",
            "env A=b sudo -u bob",
        ),
        ("sudo env A=b sudo", "sudo env A=b sudo"),
    ] {
        let before = before.trim_end();
        let expected = ("docker run x".to_owned(), surroundings.to_owned());
        assert_eq!(
            found(&format!("{before} docker run x")),
            expected,
            "{before}"
        );
    }
}

/// What is not just the command, or not sure to be it, is left alone.
#[test]
fn what_is_not_certain_is_not_looked_through() {
    for line in [
        "docker run x",
        "sh -c docker",
        "env -S docker",
        "env -0 docker",
        "env --null docker",
        "env --help docker",
        "env --nonsense docker",
        // `--ignore-environment` or `--ignore-signal`.
        "env --ignore docker",
        "env --null=1 docker",
        "env A=b",
        "env -u",
        "env -u docker",
        "nice",
        "nice -n",
        "nice -x docker",
        "timeout 5",
        "timeout -k 5 docker",
        "timeout --preserve docker",
        "time -V docker",
        "sudo -i docker run x",
        "sudo -s docker run x",
        "sudo -l docker",
        "sudo -h host docker run x",
        "sudo -R /mnt docker run x",
        "sudo -e docker",
        "sudo -u",
        "xenv docker",
    ] {
        assert_eq!(found(line), (line.to_owned(), String::new()), "{line}");
    }
    // The first that is not certain is where it ends.
    assert_eq!(found("env A=b sudo -i docker").0, "sudo -i docker");
    assert_eq!(behind(&[]), Behind::default());
    let deep = format!("{}docker", "nice ".repeat(100));
    assert!(behind(&words(&deep)).at < 100);
}
