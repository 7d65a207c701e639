//! TLS, with a server whose certificate nobody has signed but itself.

use flow_engine_db::{StoreError, connect};

use super::{OwnServer, administer};
use crate::conformance::rows;

async fn refusal(url: &str) -> String {
    match connect(url).await {
        Ok(store) => panic!("opened {}", store.location()),
        Err(error @ StoreError::CannotOpen { .. }) => error.to_string(),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn the_server_is_believed_or_verified_as_the_url_says() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    let server = OwnServer::new(&[
        ("server.crt", &certificate),
        ("server.key", &made.signing_key.serialize_pem()),
    ]);
    let by_address = server.start();
    let by_name = by_address.replace("127.0.0.1", "localhost");
    // Whoever does not encrypt is not let in.
    administer(&by_address, "ALTER SYSTEM SET log_connections TO on");
    let rules = server.folder.path().join("data/pg_hba.conf");
    std::fs::write(
        &rules,
        "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n",
    )
    .unwrap();
    administer(&by_address, "SELECT pg_reload_conf()");
    let roots = server.folder.path().join("roots.pem");
    std::fs::write(&roots, &certificate).unwrap();
    let verified = format!("?sslmode=verify-full&sslrootcert={}", roots.display());

    for (url, parameters) in [
        (&by_address, ""),
        (&by_address, "?sslmode=require"),
        (&by_name, verified.as_str()),
    ] {
        let store = connect(&format!("{url}{parameters}")).await.unwrap();
        let run = rows::started_run(&*store).await;
        assert!(store.run(run).await.unwrap().is_some(), "{parameters}");
        store.close().await;
    }

    let told = refusal(&format!("{by_address}?sslmode=disable")).await;
    assert!(told.contains("the server refuses the user"), "{told}");
    // Nobody whom the system trusts has signed it.
    let told = refusal(&format!("{by_name}?sslmode=verify-full")).await;
    assert!(told.contains("TLS with the server fails"), "{told}");
    // It is of another host.
    let told = refusal(&format!("{by_address}{verified}")).await;
    assert!(
        told.contains("the name in its certificate must be the host"),
        "{told}"
    );
    let told = refusal(&format!(
        "{by_name}?sslmode=verify-full&sslrootcert=/no/such.pem"
    ))
    .await;
    assert!(told.contains("check `sslrootcert`"), "{told}");
}

#[tokio::test]
async fn a_certificate_that_signs_others_is_told_from_one_of_a_server() {
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    let server = OwnServer::new(&[
        ("server.crt", &certificate),
        ("server.key", &key.serialize_pem()),
    ]);
    let by_name = server.start().replace("127.0.0.1", "localhost");
    let roots = server.folder.path().join("roots.pem");
    std::fs::write(&roots, &certificate).unwrap();
    let url = format!(
        "{by_name}?sslmode=verify-full&sslrootcert={}",
        roots.display()
    );
    let told = refusal(&url).await;
    assert!(
        told.contains("a certificate that is made to sign others (CA:TRUE)"),
        "{told}"
    );
}
