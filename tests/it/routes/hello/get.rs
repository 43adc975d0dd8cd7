use callboard_tests::app::{App, Send as _};

#[tokio::test]
async fn greets_in_the_clients_language() {
    let app = App::start().await;
    for (path, language, greeting) in [
        ("/api/v1/hello", "en", "Hello, world!"),
        ("/api/v1/hello", "ko", "안녕, 세상!"),
        ("/api/v1/hello/Ada", "en", "Hello, Ada!"),
        ("/api/v1/hello/%ED%99%8D%EA%B8%B8%EB%8F%99", "ko", "안녕하세요, 홍길동님!"),
        ("/api/v1/hello/%3Cscript%3E", "en", "Hello, <script>!"),
    ] {
        let answer = app.get(path).header("accept-language", language).answer().await.expect(200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["message"], greeting);
    }
}
