#include "controller/evidence/transfers_http.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <map>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::evidence {

namespace {

constexpr std::size_t kSecretBytesMax = 8U << 10;
constexpr std::size_t kSecretBytesHidden = 8;  ///< a shorter one may be any word of an answer

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// One request with all that libcurl points into while it is under way.
struct Transfer {
  std::uint64_t id = 0;
  std::unique_ptr<CURL, EasyDeleter> easy;
  std::unique_ptr<curl_slist, ListDeleter> headers;
  std::string request_body;
  std::string body;
  bool too_large = false;
  std::array<char, CURL_ERROR_SIZE> error{};
  Duration timeout{};
  std::string ca_file;
  std::vector<std::string> secrets;  ///< that are sent

  void add_header(const std::string& header) { headers.reset(curl_slist_append(headers.release(), header.c_str())); }
};

std::size_t take_body(const char* data, std::size_t size, std::size_t count, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  const std::size_t bytes = size * count;
  if (transfer.body.size() + bytes > limits::kSourceAnswerBytes) {
    transfer.too_large = true;
    return 0;
  }
  transfer.body.append(data, bytes);
  return bytes;
}

/// The first line of a file.
Result<std::string> secret_in(const std::string& file) {
  auto text = posix::read_file(file, kSecretBytesMax);
  if (!text) return std::unexpected(text.error());
  text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  if (text->empty()) return failure(ErrorKind::invalid, file + ": its first line is empty");
  return text;
}

std::string base64(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), bytes, static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return encoded;
}

/// A server that tells what it was told must not have a login shown in a message.
void hide(const std::vector<std::string>& secrets, std::string& text) {
  for (const std::string& secret : secrets) {
    if (secret.size() < kSecretBytesHidden) continue;
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), "***");
    }
  }
}

Result<void> add_login(Transfer& transfer, const HttpSettings& server, const std::string& key_scheme) {
  CURL* easy = transfer.easy.get();
  if (!server.user.empty()) {
    const auto password = secret_in(server.password_file);
    if (!password) return std::unexpected(password.error());
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, server.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, password->c_str());
    transfer.secrets = {base64(server.user + ':' + *password), *password};
  }
  if (!server.api_key_file.empty()) {
    const auto key = secret_in(server.api_key_file);
    if (!key) return std::unexpected(key.error());
    transfer.add_header(fmt::format("Authorization: {} {}", key_scheme, *key));
    transfer.secrets = {*key};
  }
  return {};
}

void prepare(Transfer& transfer, const HttpSettings& server, const HttpRequest& request) {
  CURL* easy = transfer.easy.get();
  curl_easy_setopt(easy, CURLOPT_URL, (server.url + request.path).c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(server.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(server.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "serin/" SERIN_VERSION);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  // A file that was put right is read with the next question, not when a day's cache ends.
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  if (!server.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, server.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);  // only those
  }
  if (request.body.empty()) return;
  transfer.request_body = request.body;
  transfer.add_header("Content-Type: " + request.content_type);
  // Without this libcurl waits a second for a server's permission to send a large body.
  transfer.add_header("Expect:");
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.request_body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.request_body.c_str());
}

std::string trouble_of(const Transfer& transfer, CURLcode code) {
  if (transfer.too_large) {
    return fmt::format("the answer is larger than {}: a longer step asks for less",
                       bytes_text(limits::kSourceAnswerBytes));
  }
  if (code == CURLE_OK) return {};
  const char* said = transfer.error.front() == '\0' ? curl_easy_strerror(code) : transfer.error.data();
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return fmt::format("no answer within {}: {}", duration_text(transfer.timeout), said);
  }
  long not_believed = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_SSL_VERIFYRESULT, &not_believed);
  if (code == CURLE_PEER_FAILED_VERIFICATION || not_believed != 0) {
    return fmt::format("its certificate is not believed, going by {}: {}",
                       transfer.ca_file.empty() ? "the system's authorities; ca_file names others" : transfer.ca_file,
                       said);
  }
  return said;
}

HttpAnswer answer_of(Transfer& transfer, CURLcode code) {
  HttpAnswer answer{.trouble = trouble_of(transfer, code)};
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  const char* moved = nullptr;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_REDIRECT_URL, &moved);
  if (answer.trouble.empty() && moved != nullptr) {
    answer.trouble = fmt::format("HTTP {}: it wants to be asked at {}; set url to where that is", answer.status,
                                 printable(moved, 300));
  }
  answer.body = std::move(transfer.body);
  hide(transfer.secrets, answer.body);
  hide(transfer.secrets, answer.trouble);
  return answer;
}

}  // namespace

struct HttpTransfers::Parts {
  CURLM* multi = nullptr;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers;
  std::vector<Ended> ended;
};

HttpTransfers::HttpTransfers() : parts_(std::make_unique<Parts>()) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  parts_->multi = curl_multi_init();
}

HttpTransfers::~HttpTransfers() {
  for (auto& [easy, transfer] : parts_->transfers) curl_multi_remove_handle(parts_->multi, easy);
  parts_->transfers.clear();
  curl_multi_cleanup(parts_->multi);
}

std::size_t HttpTransfers::under_way() const {
  return parts_->transfers.size();
}

void HttpTransfers::add(std::uint64_t id, const HttpSettings& server, const HttpRequest& request,
                        const std::string& key_scheme) {
  auto transfer = std::make_unique<Transfer>();
  transfer->id = id;
  transfer->timeout = server.timeout;
  transfer->ca_file = server.ca_file;
  transfer->easy.reset(curl_easy_init());
  if (!transfer->easy) {
    parts_->ended.push_back({id, {.trouble = "libcurl has no memory"}});
    return;
  }
  prepare(*transfer, server, request);
  if (const auto login = add_login(*transfer, server, key_scheme); !login) {
    parts_->ended.push_back({id, {.trouble = login.error().text}});
    return;
  }
  curl_easy_setopt(transfer->easy.get(), CURLOPT_HTTPHEADER, transfer->headers.get());
  CURL* easy = transfer->easy.get();
  curl_multi_add_handle(parts_->multi, easy);
  parts_->transfers.emplace(easy, std::move(transfer));
}

std::vector<HttpTransfers::Ended> HttpTransfers::wait(int wake_fd, Duration most) {
  int running = 0;
  curl_multi_perform(parts_->multi, &running);
  int queued = 0;
  CURLMsg* message = curl_multi_info_read(parts_->multi, &queued);
  if (message == nullptr && parts_->ended.empty()) {
    curl_waitfd wake{.fd = wake_fd, .events = CURL_WAIT_POLLIN, .revents = 0};
    curl_multi_poll(parts_->multi, &wake, wake_fd < 0 ? 0 : 1, static_cast<int>(most.count()), nullptr);
    curl_multi_perform(parts_->multi, &running);
    message = curl_multi_info_read(parts_->multi, &queued);
  }
  for (; message != nullptr; message = curl_multi_info_read(parts_->multi, &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    auto transfer = std::move(parts_->transfers.extract(message->easy_handle).mapped());
    curl_multi_remove_handle(parts_->multi, transfer->easy.get());
    parts_->ended.push_back({transfer->id, answer_of(*transfer, code)});
  }
  return std::exchange(parts_->ended, {});
}

}  // namespace serin::evidence
