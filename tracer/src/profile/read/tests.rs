use super::*;
#[test]
fn t() {
    profile("{}").unwrap_err();
}
