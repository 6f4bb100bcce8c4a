// Servers that speak TLS, with certificates made here: who is believed, and who gets a login.
#include <gmock/gmock.h>

#include <csignal>

#include "tests/controller/evidence/transfers_fixture.h"

namespace serin::evidence {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Certificate& authority() {
  static const Certificate made = make_authority("our own");
  return made;
}

struct TlsTransfers : Transfers {
  TlsTransfers() {
    server.ca_file = file_with("ca.pem", authority().certificate);
    server.user = "serin";
    server.password_file = file_with("password", "open sesame\n");
  }
  /// What is asked of a server with this certificate.
  HttpAnswer ask_one_with(const Certificate& certificate) {
    FaultyServer tls({{whole("{\"good\":true}")}}, certificate);
    const HttpAnswer answer = ask(tls.url());
    heard = tls.request_that_came();
    return answer;
  }
  std::optional<std::string> heard;
};

TEST_F(TlsTransfers, believe_a_certificate_of_the_authority_in_the_ca_file) {
  const HttpAnswer answer = ask_one_with(make_certificate(authority(), "127.0.0.1"));
  EXPECT_EQ(answer.trouble, "");
  EXPECT_EQ(answer.body, "{\"good\":true}");
  ASSERT_TRUE(heard);
  EXPECT_THAT(*heard, HasSubstr("Authorization: Basic c2VyaW46b3BlbiBzZXNhbWU="));
}

TEST_F(TlsTransfers, tell_why_a_certificate_is_not_believed_and_send_no_login_there) {
  struct Row {
    Certificate certificate;
    const char* said;
  };
  const Row rows[] = {
      {make_certificate(make_authority("our own"), "127.0.0.1"), "its certificate is not believed, going by "},
      {make_certificate(make_authority("another"), "127.0.0.1"), "unable to get local issuer certificate"},
      {make_certificate(authority(), "127.0.0.1", -1), "SSL certificate problem: certificate has expired"},
      {make_certificate(authority(), "logs.example.org"), "no alternative certificate subject name matches"},
  };
  for (const Row& row : rows) {
    const HttpAnswer answer = ask_one_with(row.certificate);
    EXPECT_THAT(answer.trouble, HasSubstr(row.said));
    EXPECT_THAT(answer.trouble, Not(HasSubstr("sesame")));
    EXPECT_EQ(answer.body, "");
    EXPECT_FALSE(heard) << *heard;
  }
}

TEST_F(TlsTransfers, without_a_ca_file_believe_only_whom_the_system_does) {
  server.ca_file.clear();
  EXPECT_THAT(ask_one_with(make_certificate(authority(), "127.0.0.1")).trouble,
              HasSubstr("not believed, going by the system's authorities; ca_file names others: "));
  EXPECT_FALSE(heard);
}

TEST_F(TlsTransfers, name_a_ca_file_that_cannot_be_read) {
  for (const std::string& file : {(folder.path() / "none.pem").string(), file_with("empty.pem", "no certificate\n")}) {
    server.ca_file = file;
    EXPECT_THAT(ask_one_with(make_certificate(authority(), "127.0.0.1")).trouble, HasSubstr(file));
    EXPECT_FALSE(heard);
  }
}

TEST_F(TlsTransfers, read_a_ca_file_that_was_put_right_with_the_next_question) {
  const Certificate certificate = make_certificate(authority(), "127.0.0.1");
  file_with("ca.pem", make_authority("another").certificate);
  EXPECT_NE(ask_one_with(certificate).trouble, "");
  file_with("ca.pem", authority().certificate);
  EXPECT_EQ(ask_one_with(certificate).trouble, "");
}

TEST_F(TlsTransfers, a_login_follows_no_redirect) {
  FaultyServer elsewhere({{whole("{}")}});
  FaultyServer tls(
      {{with_head("302 Found", fmt::format("Location: {}/x\r\nContent-Length: 0\r\n", elsewhere.url()), "")}},
      make_certificate(authority(), "127.0.0.1"));
  EXPECT_THAT(ask(tls.url()).trouble, HasSubstr("HTTP 302: it wants to be asked at " + elsewhere.url()));
  EXPECT_THAT(tls.next_request(), HasSubstr("Authorization: Basic "));
  EXPECT_FALSE(elsewhere.request_that_came());
}

TEST_F(TlsTransfers, a_server_that_hangs_up_in_the_middle_of_a_question_ends_nothing_else) {
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL) << "as under a shell";
  FaultyServer tls({{.bytes = {}, .keeps_open = false, .listens = false}}, make_certificate(authority(), "127.0.0.1"));
  const HttpAnswer answer =
      ask(tls.url(), {.path = "/x", .content_type = "text/plain", .body = std::string(6U << 20, 'x')});
  EXPECT_NE(answer.trouble, "");
}

}  // namespace
}  // namespace serin::evidence
