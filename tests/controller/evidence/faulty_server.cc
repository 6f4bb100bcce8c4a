#include "tests/controller/evidence/faulty_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <memory>

namespace serin::evidence {

namespace {

/// A connection, with TLS on it or without.
class Line {
 public:
  Line(int connection, const Certificate& certificate) : connection_(connection) {
    if (certificate.key.empty()) return;
    const auto bio_of = [](const std::string& pem) {
      return BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    };
    const std::unique_ptr<BIO, decltype(&BIO_free)> certificate_pem{bio_of(certificate.certificate), &BIO_free};
    const std::unique_ptr<BIO, decltype(&BIO_free)> key_pem{bio_of(certificate.key), &BIO_free};
    X509* own = PEM_read_bio_X509(certificate_pem.get(), nullptr, nullptr, nullptr);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_pem.get(), nullptr, nullptr, nullptr);
    context_.reset(SSL_CTX_new(TLS_server_method()));
    if (SSL_CTX_use_certificate(context_.get(), own) != 1 || SSL_CTX_use_PrivateKey(context_.get(), key) != 1) {
      std::abort();
    }
    X509_free(own);
    EVP_PKEY_free(key);
    tls_.reset(SSL_new(context_.get()));
    SSL_set_fd(tls_.get(), connection);
    open_ = SSL_accept(tls_.get()) == 1;
  }
  /// The peer did not turn it down.
  [[nodiscard]] bool open() const { return open_; }
  ssize_t read(char* to, std::size_t size) {
    return tls_ ? SSL_read(tls_.get(), to, static_cast<int>(size)) : ::recv(connection_, to, size, 0);
  }
  ssize_t write(std::string_view bytes) {
    return tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                : ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  int connection_;
  bool open_ = true;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, &SSL_free};
};

/// The whole request: its head, and the body that the head announces.
std::string read_request(Line& line) {
  std::string request;
  std::array<char, 4'096> bytes{};
  while (true) {
    const std::size_t head = request.find("\r\n\r\n");
    if (head != std::string::npos) {
      constexpr std::string_view kLength = "Content-Length: ";
      const std::size_t at = request.find(kLength);
      std::size_t length = 0;
      if (at < head) std::from_chars(request.data() + at + kLength.size(), request.data() + head, length);
      if (request.size() >= head + 4 + length) return request;
    }
    const ssize_t count = line.read(bytes.data(), bytes.size());
    if (count <= 0) return request;
    request.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

FaultyServer::FaultyServer(std::vector<Says> says, Certificate certificate)
    : says_(std::move(says)), certificate_(std::move(certificate)) {
  listener_ = posix::UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), any, &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

FaultyServer::~FaultyServer() {
  thread_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR);
}

std::string FaultyServer::url() const {
  return fmt::format("{}://127.0.0.1:{}", certificate_.key.empty() ? "http" : "https", port_);
}

std::string FaultyServer::next_request() {
  return requests_.wait(std::stop_token{}).value();
}

void FaultyServer::run(const std::stop_token& stop) {
  sigset_t pipe{};
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // a client may hang up while TLS is written to it
  for (const Says& says : says_) {
    const posix::UniqueFd connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (stop.stop_requested() || connection.get() < 0) return;
    serve(connection.get(), says);
  }
}

void FaultyServer::serve(int connection, const Says& says) {
  Line line(connection, certificate_);
  if (!line.open()) return;
  if (!says.listens) {
    ::shutdown(connection, SHUT_WR);
    pollfd came{.fd = connection, .events = POLLIN, .revents = 0};
    ::poll(&came, 1, 10'000);
    return;
  }
  std::string request = read_request(line);
  if (request.empty()) return;  // with TLS 1.3 the client may turn it down that late
  requests_.post(std::move(request));
  std::string_view left = says.bytes;
  while (!left.empty()) {
    const ssize_t sent = line.write(left);
    if (sent <= 0) return;
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  std::array<char, 64> bytes{};
  while (says.keeps_open && line.read(bytes.data(), bytes.size()) > 0) {
  }
}

}  // namespace serin::evidence
