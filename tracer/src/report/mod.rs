//! How values are shown: text for people, JSON and the formats of CI systems for programs. Values in, strings
//! out.

pub mod escape;
pub mod github;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod text;

pub(crate) mod layout;
#[cfg(test)]
mod samples;

mod findings;
mod uri;
mod words;
#[cfg(test)]
#[test]
fn write_goldens() {
    let g = |n: &str, t: String| std::fs::write(format!("src/report/golden/{n}"), t).unwrap();
    let a = samples::assessment();
    g("audit.txt", text::audit(&a));
    g("audit.json", json::audit(&a));
    g("audit-clean.txt", text::audit(&samples::clean_assessment()));
    g(
        "audit-clean.json",
        json::audit(&samples::clean_assessment()),
    );
    g(
        "audit.sarif",
        sarif::audit(&a, Some("ci/accepted.toml"), "1.2.3"),
    );
    g("audit.github", github::audit(&a, Some("ci/accepted.toml")));
    g(
        "explain.txt",
        samples::explanations()
            .iter()
            .map(|(_, m)| text::explanation(m))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    g(
        "explain.json",
        samples::explanations()
            .iter()
            .map(|(_, m)| json::explanation(m))
            .collect::<String>(),
    );
    g("audit.junit.xml", junit::audit(&a));
}
