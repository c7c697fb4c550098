//! Which containers are worth recording, by what their engine says of them. Pure.

use glob::Pattern;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What a container must be. Without any wish, everything is wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Its image matches one of these, if there are any.
    pub images: Vec<Pattern>,
    /// It has all of these.
    pub labels: Vec<Label>,
}

/// A label that a container must have: `KEY`, or `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    key: String,
    value: Option<String>,
}

/// Text that is no label.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a label, like KEY or KEY=VALUE")]
pub struct NoLabel;

impl FromStr for Label {
    type Err = NoLabel;

    fn from_str(text: &str) -> Result<Self, NoLabel> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        let key = key.to_owned();
        if key.is_empty() {
            return Err(NoLabel);
        }
        Ok(Self { key, value })
    }
}

impl Filter {
    /// Whether everything is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.labels.is_empty()
    }

    /// Whether a container of this image with these labels is wanted.
    #[must_use]
    pub fn wants(&self, image: Option<&str>, labels: &BTreeMap<String, String>) -> bool {
        let image = image.unwrap_or_default();
        let is_image =
            self.images.is_empty() || self.images.iter().any(|pattern| pattern.matches(image));
        let has = |label: &Label| match (labels.get(&label.key), &label.value) {
            (Some(_), None) => true,
            (Some(found), Some(wanted)) => found == wanted,
            (None, _) => false,
        };
        is_image && self.labels.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(images: &[&str], labels: &[&str]) -> Filter {
        Filter {
            images: images.iter().map(|text| text.parse().unwrap()).collect(),
            labels: labels.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn one_of_the_images_and_all_of_the_labels() {
        let labels = [("app", "web"), ("empty", "")];
        let labels: BTreeMap<_, _> = labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let table: [(&[&str], &[&str], bool); 10] = [
            (&[], &[], true),
            (&["docker.io/library/nginx:1.27"], &[], true),
            (&["*/nginx:*"], &[], true),
            (&["redis", "*nginx*"], &[], true),
            (&["nginx"], &[], false),
            (&[], &["app"], true),
            (&[], &["app=web", "empty="], true),
            (&[], &["app=web", "other"], false),
            (&[], &["app=we"], false),
            (&["*nginx*"], &["app=db"], false),
        ];
        for (images, wanted, expected) in table {
            let filter = filter(images, wanted);
            let found = filter.wants(Some("docker.io/library/nginx:1.27"), &labels);
            assert_eq!(found, expected, "{images:?} {wanted:?}");
        }
        assert!(filter(&[], &[]).is_empty() && !filter(&["x"], &[]).is_empty());
        assert!(!filter(&["?*"], &[]).wants(None, &labels));
        assert_eq!("=x".parse::<Label>(), Err(NoLabel));
    }
}
