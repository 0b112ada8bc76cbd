//! `GET /openapi.json`: what the API takes and answers, as it is checked in.

use crate::page::Answer;

const DOCUMENT: &str = include_str!("../../../openapi.json");

pub(crate) fn describe() -> Answer {
    Answer::new(200, DOCUMENT.to_owned()).header("Content-Type", "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_json() {
        let answer = describe();
        assert_eq!((answer.status(), answer.header_value("Content-Type")), (200, "application/json"));
        let document: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
    }
}
