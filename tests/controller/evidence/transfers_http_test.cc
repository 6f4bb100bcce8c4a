#include "controller/evidence/transfers_http.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "controller/evidence/evidence_worker_http.h"
#include "protocol/limits.h"
#include "protocol/posix/link_socket.h"
#include "tests/controller/evidence/questions.h"
#include "tests/controller/evidence/transfers_fixture.h"

namespace serin::evidence {
namespace {

using namespace std::chrono_literals;

TEST_F(Transfers, bring_a_body) {
  const HttpAnswer answer = ask_one_that({whole("{\"good\":true}")});
  EXPECT_EQ(answer.trouble, "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{\"good\":true}");
}

TEST_F(Transfers, bring_an_error_with_its_status_and_body) {
  const HttpAnswer answer = ask_one_that({with_head("503 Busy", "Content-Length: 4\r\n", "busy")});
  EXPECT_EQ(answer.trouble, "");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "busy");
}

TEST_F(Transfers, unpack_gzip) {
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\xcf\xcf\x4f\x51\xb2\x2a\x29\x2a\x4d\xad\x05\x00\x0e\xe6\x98"
      "\x7c\x0d\x00\x00\x00",
      33);
  const std::string headers = "Content-Encoding: gzip\r\nContent-Length: 33\r\n";
  EXPECT_EQ(ask_one_that({with_head("200 OK", headers, packed)}).body, "{\"good\":true}");
  EXPECT_NE(ask_one_that({with_head("200 OK", "Content-Encoding: gzip\r\nContent-Length: 4\r\n", "none")}).trouble, "");
}

TEST_F(Transfers, an_answer_that_is_cut_off_is_trouble) {
  const HttpAnswer cut = ask_one_that({with_head("200 OK", "Content-Length: 100\r\n", "{\"good\":")});
  EXPECT_NE(cut.trouble.find("92 bytes remaining"), std::string::npos) << cut.trouble;
  EXPECT_NE(ask_one_that({with_head("200 OK", "Transfer-Encoding: chunked\r\n", "5\r\n{\"go")}).trouble, "");
  EXPECT_NE(ask_one_that({""}).trouble, "") << "nothing at all";
  EXPECT_NE(ask_one_that({"SSH-2.0-OpenSSH\r\n"}).trouble, "") << "another protocol";
}

TEST_F(Transfers, a_server_that_says_nothing_more_ends_with_the_timeout) {
  server.timeout = 200ms;
  const HttpAnswer slow = ask_one_that({with_head("200 OK", "Content-Length: 100\r\n", "{\"good\":"), true});
  EXPECT_EQ(slow.trouble.substr(0, 25), "no answer within 200ms: O") << slow.trouble;
  EXPECT_NE(ask_one_that({"", true}).trouble, "");
}

TEST_F(Transfers, nobody_there_is_trouble_that_says_so) {
  std::string url;
  {
    const FaultyServer gone({});
    url = gone.url();
  }
  EXPECT_NE(ask(url).trouble.find("Couldn't connect to server"), std::string::npos);
}

TEST_F(Transfers, an_answer_that_is_too_large_is_dropped) {
  const std::string large(limits::kSourceAnswerBytes + (2U << 20), 'x');
  const HttpAnswer answer = ask_one_that({whole(large)});
  EXPECT_EQ(answer.trouble, "the answer is larger than 8.4 MB: a longer step asks for less");
  EXPECT_LE(answer.body.size(), limits::kSourceAnswerBytes);
}

TEST_F(Transfers, follow_no_redirect_and_say_where_to) {
  const HttpAnswer answer =
      ask_one_that({with_head("301 Moved", "Location: https://elsewhere:9200/x\r\nContent-Length: 0\r\n", "")});
  EXPECT_EQ(answer.trouble, "HTTP 301: it wants to be asked at https://elsewhere:9200/x; set url to where that is");
}

TEST_F(Transfers, post_the_body_with_a_login_from_files) {
  server.user = "serin";
  server.password_file = file_with("password", "se:cret\nnot this\n");
  FaultyServer basic({{whole("{}")}});
  ask(basic.url(), {.path = "/i/_search", .content_type = "application/json", .body = "{\"size\":0}"});
  const std::string request = basic.next_request();
  EXPECT_EQ(request.substr(0, 25), "POST /i/_search HTTP/1.1\r");
  EXPECT_NE(request.find("Authorization: Basic c2VyaW46c2U6Y3JldA=="), std::string::npos) << request;
  EXPECT_NE(request.find("Content-Type: application/json"), std::string::npos);
  EXPECT_TRUE(request.ends_with("\r\n\r\n{\"size\":0}"));

  server.user.clear();
  server.api_key_file = file_with("key", "a2V5\r\n");
  FaultyServer key({{whole("{}")}});
  ask(key.url());
  EXPECT_NE(key.next_request().find("Authorization: ApiKey a2V5\r\n"), std::string::npos);
}

TEST_F(Transfers, hide_a_login_that_the_server_tells_again) {
  server.user = "serin";
  server.password_file = file_with("password", "open sesame\n");
  FaultyServer basic({{with_head("500 No", "Content-Length: 61\r\n",
                                 "Authorization: Basic c2VyaW46b3BlbiBzZXNhbWU= is: open sesame")}});
  EXPECT_EQ(ask(basic.url()).body, "Authorization: Basic *** is: ***");
  server.user.clear();
  server.api_key_file = file_with("key", "a2V5LWFuZC1zZWNyZXQ=\n");
  FaultyServer key({{with_head("302 No", "Location: /?key=a2V5LWFuZC1zZWNyZXQ=\r\nContent-Length: 0\r\n", "")}});
  EXPECT_EQ(ask(key.url()).trouble.find("a2V5"), std::string::npos);
}

TEST_F(Transfers, a_secret_that_cannot_be_read_is_trouble_before_anything_is_sent) {
  server.api_key_file = (folder.path() / "none").string();
  EXPECT_NE(ask("http://127.0.0.1:9").trouble.find("No such file"), std::string::npos);
  server.api_key_file = file_with("empty", "\n");
  EXPECT_NE(ask("http://127.0.0.1:9").trouble.find("its first line is empty"), std::string::npos);
}

TEST_F(Transfers, a_slow_server_does_not_hold_up_a_quick_one) {
  FaultyServer slow({{"", true}});
  FaultyServer quick({{whole("{}")}});
  HttpTransfers both;  // it leaves the slow one before that ends
  server.url = slow.url();
  both.add(1, server, {.path = "/", .content_type = {}, .body = {}}, "");
  server.url = quick.url();
  both.add(2, server, {.path = "/", .content_type = {}, .body = {}}, "");
  std::vector<HttpTransfers::Ended> ended;
  while (ended.empty()) ended = both.wait(-1, 10s);
  EXPECT_EQ(ended.front().id, 2U);
  EXPECT_EQ(both.under_way(), 1U);
}

EvidenceWorker::Answered answered_by(EvidenceWorker& worker) {
  while (true) {
    if (auto answered = worker.take()) return std::move(*answered);
    posix::wait_readable({worker.fd()}, 10s);
  }
}

TEST(EvidenceWorker, gives_each_question_its_own_answer) {
  FaultyServer faulty({{whole("no")}, {"", true}});
  EvidenceWorker worker;
  Question question = question_about(SourceKind::logstash);
  question.since.reset();
  question.settings.http.url = faulty.url();
  worker.post({question, {"cli", 3}});
  const auto answered = answered_by(worker);
  EXPECT_EQ(answered.client, (controller::Client{"cli", 3}));
  EXPECT_EQ(answered.answer.question, question);
  ASSERT_FALSE(answered.answer.reading);
  EXPECT_EQ(answered.answer.reading.error().text, faulty.url() + "/logstash-*/_search: HTTP 200, it is no JSON: no");
  question.hosts = {"web", "web"};
  worker.post({question, {}});
  EXPECT_EQ(answered_by(worker).answer.reading.error().text, "web and web are both called web there: see host_names");
  question.hosts = {"web"};
  worker.post({question, {}});  // it is dropped with the worker, and holds nothing up
}

}  // namespace
}  // namespace serin::evidence
