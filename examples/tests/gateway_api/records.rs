//! Importing records.

use causeway_examples::town::{APPLICANT, csv, row};
use did_registry::Digest;
use gateway::operator::Role;
use reqwest::Method;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_imported_and_its_errors_are_told_by_row() {
    let (town, _place) = town().await;
    let now = town.clock.now();
    let today = now.date();
    let file = csv(&[
        row("P1", "negative", 0, now),
        row("P2", "inconclusive", 0, now),
        format!("P3,\"Chan, Tai\nMan\",1990-02-28,negative,{today}"),
        format!("P4,{APPLICANT},1990-02-30,negative,31.5.2021"),
        row("P1", "negative", 0, now),
        format!("P6,{APPLICANT},,negative,{today}"),
        "P7,too,few".into(),
        row("P8", "positive", 1, now),
    ]);
    let job = town.guangdong.import(&town.schema.id(), &file).await.unwrap();
    let count = |name: &str| job[name].as_u64().unwrap();
    assert_eq!((count("rows_total"), count("rows_done"), count("stored"), count("refused")), (8, 8, 2, 6));
    assert_eq!((count("bytes_total"), count("bytes_done")), (file.len() as u64, file.len() as u64));
    let errors: Vec<_> = job["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let text = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
            (error["row"].as_u64().unwrap(), error["line"].as_u64().unwrap(), text("column"), text("fault"))
        })
        .collect();
    let expected = [
        (2, 3, "test_result", "BAD_VALUE"),
        (3, 4, "full_name", "BAD_VALUE"),
        (4, 6, "birth_date", "BAD_VALUE"),
        (4, 6, "sample_date", "BAD_VALUE"),
        (5, 7, "record_id", "DUPLICATE"),
        (6, 8, "birth_date", "MISSING"),
        (7, 9, "-", "CELL_COUNT"),
    ];
    assert_eq!(
        errors,
        expected.map(|(row, line, column, fault)| (row, line, column.to_owned(), fault.to_owned()))
    );
    let told = job.to_string();
    for value in [APPLICANT, "inconclusive", "Chan", "1990-02-30", "31.5.2021"] {
        assert!(!told.contains(value), "an error names the rule, not the value: {value}");
    }
    // The same file again is the same job, done; a file that says otherwise of a record is a conflict.
    let again = town.guangdong.import(&town.schema.id(), &file).await.unwrap();
    assert_eq!((&again["stored"], &again["started"]), (&job["stored"], &job["started"]));
    let other = csv(&[row("P1", "negative", 0, now), row("P8", "negative", 1, now)]);
    let job = town.guangdong.import(&town.schema.id(), &other).await.unwrap();
    assert_eq!((job["unchanged"].as_u64(), job["refused"].as_u64()), (Some(1), Some(1)));
    assert_eq!(job["errors"][0]["fault"], "CONFLICT");
    // What was imported can be issued, and nothing else.
    town.offer("P8").await.unwrap();
    assert!(town.offer("P2").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_read_as_one_is_refused_whole() {
    let (town, _place) = town().await;
    let token = town.guangdong.token(Role::Issue).unwrap();
    let send = |query: String, file: String| {
        let body = Some(("text/csv", file.into_bytes()));
        let path = format!("/v1/records/import{query}");
        async {
            let path = path;
            town.guangdong.send(Method::POST, &path, Some(token), body).await.unwrap()
        }
    };
    let own = format!("?schema={}", town.schema.id());
    let good = row("P1", "negative", 0, town.clock.now());
    for (file, code) in [
        (String::new(), "IMPORT_NO_HEADER"),
        (
            format!("record_id,full_name,birth_date,test_result,sample_date,passport\n{good},M1\n"),
            "IMPORT_UNKNOWN_COLUMN",
        ),
        (
            format!("record_id,record_id,birth_date,test_result,sample_date\n{good}\n"),
            "IMPORT_REPEATED_COLUMN",
        ),
        (format!("full_name,birth_date,test_result,sample_date\n{good}\n"), "IMPORT_MISSING_COLUMN"),
        (format!("{good}\n"), "IMPORT_UNKNOWN_COLUMN"),
    ] {
        problem(&send(own.clone(), file).await, 422, code);
    }
    problem(
        &send(format!("?schema={}", Digest::sha256(b"")), csv(std::slice::from_ref(&good))).await,
        404,
        "NOT_FOUND",
    );
    problem(&send(String::new(), csv(std::slice::from_ref(&good))).await, 400, "BAD_REQUEST");
    problem(&send("?schema=xyz".into(), csv(&[good])).await, 400, "BAD_REQUEST");
    let unknown =
        town.guangdong.get(Some(Role::Issue), &format!("/v1/records/imports/{}", "0".repeat(64))).await;
    problem(&unknown.unwrap(), 404, "NOT_FOUND");
    assert!(town.offer("P1").await.is_err(), "nothing of them was stored");
}

/// 5.2: the files on the disk, searched as they lie there and as they are left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_imported_can_be_read_on_the_disk() {
    use causeway_examples::health_code::search::Needles;
    let (mut town, _place) = town().await;
    town.enrol(&["RECORD-4711"]).await.unwrap();
    let holding = town.credential("RECORD-4711").await.unwrap();
    town.pass(&holding).await.unwrap();
    let needles = Needles::new([APPLICANT, "RECORD-4711", "1990-02-28", "娜娜"]).unwrap();
    let places = || [&town.guangdong, &town.macau].map(|office| office.directory.join("vault"));
    for place in places().iter().chain([&town.network.node]) {
        assert_eq!(needles.search_files(place).unwrap().hits, 0, "{}", place.display());
    }
    town.guangdong.stop().await.unwrap();
    town.macau.stop().await.unwrap();
    for office in [&town.guangdong, &town.macau] {
        let found = needles.search_files(&office.directory.join("vault")).unwrap();
        assert!(found.hits == 0 && found.bytes > 1_000, "{found:?}");
    }
    // The search finds what is there: Guangdong gave the credential to its holder.
    assert!(needles.search_files(&town.guangdong.directory.join("egress.log")).unwrap().hits > 0);
    assert_eq!(needles.search_files(&town.macau.directory.join("egress.log")).unwrap().hits, 0);
}
