//! The shapes of `--json` are part of the interface: a field that goes or changes its type breaks somebody's script.

use serde_json::Value;

mod common;
use common::Home;

/// Names and types, arrays by their first element: `{todos:[{id:int,…}]}`.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(number) if number.is_f64() => "float".into(),
        Value::Number(_) => "int".into(),
        Value::String(_) => "str".into(),
        Value::Array(items) => format!("[{}]", items.first().map(shape).unwrap_or_default()),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", shape(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

#[track_caller]
fn check(document: &Value, expected: &str) {
    let expected =
        expected.replace("TODO", TODO).replace("SUGGESTION", SUGGESTION).split_whitespace().collect::<String>();
    assert_eq!(shape(document), expected);
}

const TODO: &str = "{category:null,completed_at:null,created_at:str,description:str,due:str,estimate_minutes:int,id:int,\
    next_step:null,notes:[{at:str,text:str}],priority:str,project:str,status:str,tags:[str],title:str,updated_at:str,uuid:str,version:int}";

const SUGGESTION: &str = "{confidence:float,created_at:str,field:str,id:int,model:str,reason:str,status:str,todo_id:int,\
    value:str}";

#[test]
fn every_command_prints_its_documented_shape() {
    let home = Home::new();
    let added = home.json(&[
        "add",
        "Buy milk",
        "-d",
        "fat",
        "-p",
        "low",
        "--due",
        "2030-01-01",
        "-t",
        "food",
        "--project",
        "home",
        "--no-enrich",
    ]);
    assert_eq!(
        shape(&added["enrichment"]),
        "{status:str,suggestions:[],todo_id:int}",
        "an error is added when there is one"
    );
    home.json(&["note", "1", "not the", "blue one"]);
    home.json(&["edit", "1", "--estimate", "30"]);
    check(&home.json(&["list"]), "{todos:[TODO]}");
    check(&home.json(&["edit", "1", "--estimate", "20"]), "{todo:TODO}");
    check(&home.json(&["enrich", "1"]), "{enrichments:[{status:str,suggestions:[SUGGESTION],todo_id:int}],failed:int}");
    check(&home.json(&["suggestions"]), "{suggestions:[SUGGESTION]}");
    check(&home.json(&["show", "1"]), "{suggestions:[SUGGESTION],todo:TODO}");
    let last = home.json(&["suggestions"])["suggestions"].as_array().unwrap().last().unwrap()["id"].to_string();
    check(&home.json(&["reject", &last]), "{suggestions:[SUGGESTION]}");
    let accepted = home.json(&["accept", "--todo", "1", "--field", "category"]);
    assert_eq!(accepted.as_object().unwrap().keys().collect::<Vec<_>>(), ["suggestions", "todos"]);
    home.json(&["undo"]);
    let undone = home.json(&["undo"]);
    check(&undone, "{operation:str,todos:[TODO]}");
    for verb in ["complete", "reopen", "delete"] {
        let changed = home.json(&[verb, "1"]);
        assert_eq!(changed.as_object().unwrap().keys().collect::<Vec<_>>(), ["todos"], "{verb}");
    }
    check(
        &home.json(&["stats"]),
        "{stats:{by_priority:{high:int,low:int,medium:int,none:int},by_project:[],by_tag:[],\
         completed_by_day:[{count:int,name:str}],done:int,due_today:int,open:int,overdue:int,pending_suggestions:int}}",
    );
    check(&home.json(&["version"]), "{sqlite:str,target:str,version:str}");
    check(&home.json(&["config", "show"]), "{config:[{key:str,source:str,value:str}],file:null}");
    check(&home.json(&["config", "path"]), "{file:str}");
    check(&home.json(&["telemetry", "status"]), "{spools:[]}");
    check(&home.json(&["telemetry", "last"]), "{traces:[]}");
    std::fs::write(home.path().join("one.json"), r#"[{"title": "x"}]"#).unwrap();
    check(&home.json(&["import", "one.json"]), "{imported:int,skipped:int}");
    let failure: Value = serde_json::from_str(&home.run(&["show", "99", "--json"]).stderr).unwrap();
    check(&failure, "{error:{hint:str,kind:str,message:str}}");
}
