#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>

#include "controller/evidence/transfers_http.h"
#include "tests/controller/evidence/faulty_server.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::evidence {

inline std::string with_head(std::string_view status, std::string_view headers, std::string_view body) {
  return fmt::format("HTTP/1.1 {}\r\n{}\r\n{}", status, headers, body);
}
inline std::string whole(std::string_view body) {
  return with_head("200 OK", fmt::format("Content-Length: {}\r\n", body.size()), body);
}

/// One request after the other.
struct Transfers : testing::Test {
  using Says = FaultyServer::Says;

  HttpAnswer ask(const std::string& url, const HttpRequest& request = {.path = "/x", .content_type = {}, .body = {}}) {
    server.url = url;
    transfers.add(7, server, request, "ApiKey");
    while (true) {
      auto ended = transfers.wait(-1, std::chrono::seconds{10});
      if (ended.empty()) continue;
      EXPECT_EQ(ended.size(), 1U);
      EXPECT_EQ(ended.front().id, 7U);
      EXPECT_EQ(transfers.under_way(), 0U);
      return std::move(ended.front().answer);
    }
  }
  HttpAnswer ask_one_that(const Says& says) {
    FaultyServer faulty({says});
    return ask(faulty.url());
  }
  std::string file_with(const std::string& name, const std::string& text) {
    const auto path = folder.path() / name;
    std::ofstream(path) << text;
    return path.string();
  }

  HttpSettings server{.url = {},
                      .user = {},
                      .password_file = {},
                      .api_key_file = {},
                      .ca_file = {},
                      .connect_timeout = std::chrono::seconds{3},
                      .timeout = std::chrono::seconds{10}};
  TemporaryFolder folder;
  HttpTransfers transfers;
};

}  // namespace serin::evidence
