//! The documents in the guides are what the language takes.

use crate::lang::{self, Fault};

const GUIDES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../../../README.md")),
    (
        "docs/workflows.md",
        include_str!("../../../../docs/workflows.md"),
    ),
];

/// The whole documents in `page`: parts of one do not begin with its version.
fn documents(page: &str) -> impl Iterator<Item = &str> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .filter(|document| document.contains("version: '2.0'"))
}

fn read(document: &str) -> Result<(), Vec<Fault>> {
    if document.contains("base:") {
        lang::actions(document).map(drop)
    } else {
        lang::workflows(document).map(drop)
    }
}

#[test]
fn the_documents_of_the_guides_have_no_fault() {
    let mut count = 0;
    for (page, text) in GUIDES {
        for document in documents(text) {
            count += 1;
            assert_eq!(read(document), Ok(()), "{page}:\n{document}");
        }
    }
    assert_eq!(count, 4);
}
