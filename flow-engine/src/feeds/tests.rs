//! Against a server of the test's own.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server on this machine that answers every request with these bytes, and then keeps the connection for a while.
async fn server(answer: impl Into<Vec<u8>>, keep: Duration) -> String {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 4096]).await;
                let _ = connection.write_all(&answer).await;
                tokio::time::sleep(keep).await;
            });
        }
    });
    format!("http://{address}/feed?key=secret")
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")
}

fn here() -> Feeds {
    Feeds::new().with_private_addresses()
}

async fn fetched(answer: impl Into<Vec<u8>>) -> Result<Vec<FeedItem>, FeedError> {
    here().fetch(&server(answer, Duration::ZERO).await).await
}

const RSS: &str = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>The &amp; News</title>
<link>https://news.example</link><description>d</description>
<item><title>A <![CDATA[<b>flood</b>]]></title><link>https://news.example/flood</link>
<description>&lt;p&gt;It &amp;amp; rose.&lt;/p&gt;&lt;script&gt;x&lt;/script&gt;</description>
<pubDate>Mon, 03 Nov 2025 10:00:00 +0100</pubDate></item>
<item><title>Bad link</title><link>javascript:alert(1)</link></item>
</channel></rss>"#;

#[tokio::test]
async fn rss_is_read() {
    let items = fetched(ok(RSS)).await.unwrap();
    assert_eq!(
        items,
        [
            FeedItem {
                title: Some("A flood".into()),
                url: Some("https://news.example/flood".into()),
                summary: Some("It & rose.".into()),
                published: Some("2025-11-03T09:00:00Z".parse().unwrap()),
                source: Some("The & News".into()),
            },
            FeedItem {
                title: Some("Bad link".into()),
                source: Some("The & News".into()),
                ..FeedItem::default()
            },
        ]
    );
}

#[tokio::test]
async fn atom_is_read_with_addresses_relative_to_its_own() {
    let atom = r#"<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Rivers</title>
<id>urn:x</id><updated>2025-11-03T10:00:00Z</updated>
<entry><id>urn:y</id><title type="html">&lt;i&gt;Flood&lt;/i&gt;</title><updated>2025-11-02T10:00:00Z</updated>
<link rel="enclosure" href="https://a.example/sound.mp3"/><link rel="alternate" href="/flood"/>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It <b>rose</b>.</p></div></content></entry></feed>"#;
    let items = fetched(ok(atom)).await.unwrap();
    assert_eq!(items.len(), 1);
    let item = &items[0];
    assert_eq!(item.title.as_deref(), Some("Flood"));
    assert_eq!(item.summary.as_deref(), Some("It rose ."));
    assert_eq!(
        item.published,
        Some("2025-11-02T10:00:00Z".parse().unwrap())
    );
    let url = item.url.as_deref().unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with("/flood"),
        "{url}"
    );
}

#[tokio::test]
async fn another_charset_is_read() {
    let mut answer =
        ok(r#"<?xml version="1.0" encoding="ISO-8859-1"?><rss version="2.0"><channel><title>M"#)
            .into_bytes();
    answer.extend_from_slice(b"\xfc");
    answer.extend_from_slice(b"ll</title><item><title>x</title></item></channel></rss>");
    let items = fetched(answer).await.unwrap();
    assert_eq!(items[0].source.as_deref(), Some("Müll"));
}

#[tokio::test]
async fn what_is_no_feed_is_an_error() {
    let deep = "<a>".repeat(200_000);
    let in_item = RSS.replace("It ", &"&lt;b&gt;".repeat(100_000));
    for body in [
        "",
        "hello",
        "<html><body>x</body></html>",
        "<rss version=\"2.0\"><channel>",
        "{}",
        "\u{0}\u{1}",
        &deep,
    ] {
        let error = fetched(ok(body)).await.unwrap_err();
        assert!(matches!(error, FeedError::NoFeed { .. }), "{error:?}");
        let message = error.to_string();
        assert!(
            !message.contains("secret") && message.len() < 500,
            "{message}"
        );
    }
    assert_eq!(fetched(ok(&in_item)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn entities_of_a_document_s_own_are_not_expanded() {
    let mut bomb = String::from(
        "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a0 \"lol\"><!ENTITY f SYSTEM \"file:///etc/passwd\">",
    );
    for at in 1..30 {
        let before = format!("&a{};", at - 1).repeat(10);
        bomb = format!("{bomb}<!ENTITY a{at} \"{before}\">");
    }
    bomb.push_str("]>");
    let bomb = format!(
        "{bomb}{}",
        RSS.replace("<?xml version=\"1.0\"?>", "")
            .replace("Bad link", "x&a29;y&f;z")
    );
    match fetched(ok(&bomb)).await {
        Ok(items) => {
            let shown = format!("{items:?}");
            assert!(
                !shown.contains("lollol") && !shown.contains("root:") && shown.len() < 2000,
                "{shown}"
            );
        }
        Err(error) => assert!(matches!(error, FeedError::NoFeed { .. }), "{error:?}"),
    }
}

#[tokio::test]
async fn a_feed_that_is_too_large_is_left_before_its_end() {
    let small = here().with_max_bytes(1000);
    let endless = format!("{RSS}{}", " ".repeat(2_000_000));
    let said = format!("HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n{RSS}");
    for answer in [ok(&endless), said] {
        let url = server(answer, Duration::from_secs(30)).await;
        let error = small.fetch(&url).await.unwrap_err();
        assert!(
            matches!(
                error,
                FeedError::TooLarge {
                    max_bytes: 1000,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_not_waited_for() {
    let patient = here().with_timeout(Duration::from_millis(200));
    for answer in [String::new(), ok("<rss>")] {
        let url = server(answer, Duration::from_secs(30)).await;
        let error = patient.fetch(&url).await.unwrap_err();
        assert!(matches!(error, FeedError::TimedOut { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error_without_what_follows_the_path() {
    let gone = fetched("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap_err();
    assert!(
        matches!(gone, FeedError::Status { status: 404, .. }),
        "{gone:?}"
    );
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{RSS}");
    let cut = fetched(cut).await.unwrap_err();
    assert!(matches!(cut, FeedError::Unreachable { .. }), "{cut:?}");
    for error in [gone, cut] {
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn redirects_end_and_lead_to_the_web_only() {
    let to = |location: &str| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    };
    let good = server(ok(RSS), Duration::ZERO).await;
    assert_eq!(fetched(to(&good)).await.unwrap().len(), 2);
    for location in ["/feed", "file:///etc/passwd", "ftp://a.example/"] {
        let error = fetched(to(location)).await.unwrap_err();
        let expected = matches!(
            error,
            FeedError::Status { status: 302, .. } | FeedError::Unreachable { .. }
        );
        assert!(expected, "{error:?}");
    }
}

#[tokio::test]
async fn a_link_is_relative_to_where_the_feed_was_found_and_has_no_key_of_it() {
    let feed = RSS
        .replace("javascript:alert(1)", "next")
        .replace("https://news.example/flood", "#top");
    let there = server(ok(&feed), Duration::ZERO).await;
    let there = there
        .replace("/feed?", "/news/feed?")
        .replace("http://", "http://user:password@");
    let moved = format!(
        "HTTP/1.1 302 Found\r\nlocation: {there}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let items = fetched(moved).await.unwrap();
    let urls: Vec<_> = items
        .iter()
        .map(|item| item.url.as_deref().unwrap())
        .collect();
    assert!(urls[0].ends_with("/news/feed#top"), "{urls:?}");
    assert!(urls[1].ends_with("/news/next"), "{urls:?}");
}

#[tokio::test]
async fn a_long_title_of_a_feed_is_not_kept_with_each_entry() {
    let long = "x".repeat(100_000);
    let feed = RSS
        .replace("The &amp; News", &long)
        .replace("Bad link", &long);
    let items = fetched(ok(&feed)).await.unwrap();
    for title in [&items[0].source, &items[1].title] {
        assert_eq!(title.as_ref().unwrap().len(), 300);
    }
}

#[tokio::test]
async fn addresses_that_grow_in_each_other_are_no_feed() {
    let deep = format!(
        "{}{}",
        "<x xml:base=\"a/\">".repeat(20_000),
        "</x>".repeat(20_000)
    );
    let feed = RSS.replace("<link>https://news.example</link>", &deep);
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(feed.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    for body in [feed.into_bytes(), wide] {
        let error = fetched([ok("").into_bytes(), body].concat())
            .await
            .unwrap_err();
        assert!(matches!(error, FeedError::NoFeed { .. }), "{error:?}");
    }
    let some = "<x xml:base=\"a/\"></x>".repeat(100);
    let feed = RSS.replace("<link>https://news.example</link>", &some);
    assert_eq!(fetched(ok(&feed)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_redirect_to_an_address_that_is_not_public_is_not_followed() {
    let inside = server(ok(RSS), Duration::ZERO).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nlocation: {inside}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    // Asked past the check of the first address: a public one is none of a test's.
    let outside = server(moved, Duration::ZERO).await;
    let client = Feeds::new().client().unwrap();
    let error = client.get(&outside).send().await.unwrap_err();
    let error = Feeds::new().unreachable("x", error);
    assert!(matches!(error, FeedError::Private { .. }), "{error:?}");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_not_asked() {
    let url = server(ok(RSS), Duration::ZERO).await;
    let by_name = url.replace("127.0.0.1", "localhost");
    for url in [
        &*url,
        &*by_name,
        "http://169.254.169.254/latest",
        "http://[::1]:9/",
    ] {
        let error = fetch(url).await.unwrap_err();
        assert!(
            matches!(error, FeedError::Private { .. }),
            "{url}: {error:?}"
        );
    }
    for url in ["", "feed", "file:///etc/passwd", "javascript:x", "http://"] {
        let error = fetch(url).await.unwrap_err();
        assert!(matches!(error, FeedError::Address), "{url}: {error:?}");
    }
}
