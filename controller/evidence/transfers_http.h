#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controller/evidence/question.h"

namespace serin::evidence {

/// HTTP requests side by side, over libcurl. Each ends within its settings' time-outs, whatever the server does: slow,
/// cut off, endless or too large answers are HttpAnswer::trouble in words. Redirects are not followed (a login must not
/// follow one), the environment's proxies are not used, a body is at most limits::kSourceAnswerBytes after unpacking.
/// Certificates are checked. One thread.
class HttpTransfers {
 public:
  HttpTransfers();
  HttpTransfers(const HttpTransfers&) = delete;
  HttpTransfers& operator=(const HttpTransfers&) = delete;
  ~HttpTransfers();  ///< drops what is under way

  /// Begins one; `key_scheme` stands before the key of api_key_file: "ApiKey" or "Bearer". Files of secrets are read
  /// now.
  void add(std::uint64_t id, const HttpSettings& server, const HttpRequest& request, const std::string& key_scheme);
  [[nodiscard]] std::size_t under_way() const;

  struct Ended {
    std::uint64_t id = 0;
    HttpAnswer answer;
  };
  /// Goes on with all of them until one has ended, `wake_fd` is readable, or `most` has passed.
  std::vector<Ended> wait(int wake_fd, Duration most);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::evidence
