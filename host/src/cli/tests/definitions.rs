//! Definitions: documents that are sent, checked and printed.

use super::*;

#[tokio::test]
async fn a_document_makes_definitions_and_is_printed_again() {
    let server = FakeServer::start(|request: &Request| match request.line.as_str() {
        "POST /v2/workflows?namespace=ns&scope=public" => {
            assert_eq!(request.body, b"the document\n");
            Answer::json(201, &json!({"workflows": [{"name": "a"}, {"name": "b"}]}))
        }
        "PUT /v2/workflows/flow" => Answer::json(200, &json!({"name": "flow"})),
        "PUT /v2/workbooks" => Answer::json(200, &json!({"name": "book"})),
        "POST /v2/actions" => Answer::json(201, &json!({"actions": [{"name": "say"}]})),
        "GET /v2/actions/say?namespace=ns" => {
            Answer::json(200, &json!({"name": "say", "definition": "its document\n"}))
        }
        "DELETE /v2/workbooks/book?namespace=ns" => Answer::json(204, &json!(null)),
        other => panic!("{other}"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wf.yaml").display().to_string();
    fs::write(&file, "the document\n").unwrap();
    let env = [("ZONDA_URL", server.url.as_str())];
    let file = file.as_str();
    for (command, printed) in [
        (
            &[
                "workflow",
                "create",
                file,
                "--public",
                "--namespace",
                "ns",
                "-f",
                "value",
                "-c",
                "name",
            ][..],
            "a\nb\n",
        ),
        (
            &[
                "workflow", "update", file, "--id", "flow", "-f", "value", "-c", "name",
            ],
            "flow\n",
        ),
        (
            &["workbook", "update", file, "-f", "value", "-c", "name"],
            "book\n",
        ),
        (
            &["action", "create", file, "-f", "value", "-c", "name"],
            "say\n",
        ),
        (
            &["action", "definition", "say", "--namespace", "ns"],
            "its document\n",
        ),
        (&["workbook", "delete", "book", "--namespace", "ns"], ""),
    ] {
        let ended = zonda(command, &env).await;
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (0, printed),
            "{}",
            ended.notes
        );
    }
}

#[tokio::test]
async fn a_document_with_faults_ends_with_exit_code_1_and_each_fault() {
    let server = FakeServer::start(|request: &Request| match request.line.as_str() {
        "POST /v2/workflows/validate" => Answer::json(
            200,
            &json!({"valid": false, "error": "Invalid DSL: line 3\nline 4", "faults": []}),
        ),
        "POST /v2/workbooks/validate" => Answer::json(200, &json!({"valid": true})),
        other => panic!("{other}"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wf.yaml").display().to_string();
    fs::write(&file, "text").unwrap();
    let env = [("ZONDA_URL", server.url.as_str())];
    let faulty = zonda(&["workflow", "validate", &file], &env).await;
    assert_eq!((faulty.code, faulty.out.as_str()), (1, ""));
    assert!(faulty.notes.contains("line 3\nline 4"), "{}", faulty.notes);
    let fine = zonda(&["workbook", "validate", &file], &env).await;
    assert_eq!((fine.code, fine.out.as_str()), (0, "valid\n"));
}

#[tokio::test]
async fn a_list_is_filtered_by_what_is_asked_of_its_columns() {
    let server = FakeServer::start(|_: &Request| {
        Answer::json(200, &json!({"workflows": [{"name": "web-1"}]}))
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let filters = ["--filter", "name=has:web", "--filter", "input=in:a=b,c"];
    let list = [&["workflow", "list"][..], &filters].concat();
    assert_eq!(zonda(&list, &env).await.code, 0);
    assert_eq!(
        server.lines(),
        ["GET /v2/workflows?name=has%3Aweb&input=in%3Aa%3Db%2Cc"]
    );
}
