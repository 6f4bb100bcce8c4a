// Mutates lines of logs and holds the signature code to its promises, under ASan and UBSan: it never crashes, never
// writes beyond what mask.h promises, its output is bounded, digits within numbers change nothing, addresses and
// secrets do not get through, redaction twice is redaction once, and a table counts each event once.
//
//   signature_fuzz [SECONDS [SEED]]
//
// That a normalised text normalises to itself is not promised: nobody does it twice, and "<#>: 5" would lose its
// "<#>:".
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "agent/count/byte_class.h"
#include "agent/count/mask.h"
#include "agent/count/redaction.h"
#include "agent/count/signature.h"
#include "agent/count/signature_table.h"
#include "protocol/limits.h"
#include "tests/agent/count/signature_samples.h"

namespace serin::count {
namespace {

/// What the code looks at, so that mutations find it.
constexpr std::string_view kWords[] = {"\"",
                                       "'",
                                       "`",
                                       "\\\"",
                                       "/",
                                       "://",
                                       "@",
                                       "?",
                                       "::",
                                       "<#>",
                                       "<q>",
                                       "<p>",
                                       "12",
                                       "deadbeef",
                                       "fe80::1",
                                       "id=",
                                       "user=",
                                       "password: ",
                                       "token=",
                                       "cookie: ",
                                       "Bearer ",
                                       "user x from ",
                                       "on line 5",
                                       "(12)",
                                       ":34:5",
                                       "\n",
                                       "\n\t",
                                       "\r\n",
                                       "[error] ",
                                       "<3>",
                                       "<34>1 ",
                                       "Jan  2 03:04:05 h p[1]: ",
                                       "2026-01-02T03:04:05Z ",
                                       "ERROR ",
                                       "#0 ",
                                       "at ",
                                       "File \"/a/b.py\", line 3, in f",
                                       "Traceback (most recent call last):",
                                       "ValueError: x",
                                       "{\"message\":\"",
                                       "/srv/a/x.php",
                                       "\x80",
                                       "\xff\xfe",
                                       "FastCGI sent in stderr: \"PHP message: ",
                                       "\" while ",
                                       "1234567890123",
                                       "Caused by: ",
                                       "[",
                                       "]",
                                       ": ",
                                       ".",
                                       "-",
                                       ",",
                                       "=",
                                       " ",
                                       "   "};
constexpr std::string_view kSecrets[] = {" bob.smith@example.org ", " 192.0.2.77 ", " password=xhunterx ",
                                         " csrf_token=abcxyzuvw "};
constexpr std::string_view kSecretParts[] = {"bob.smith", "192.0.2", "xhunterx", "abcxyzuvw"};

class Fuzzer {
 public:
  explicit Fuzzer(std::uint64_t seed) : seed_(seed), random_(seed) {
    for (const auto& sample : kSignatureSamples) corpus_.emplace_back(sample.event);
  }

  int run(std::chrono::seconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      for (int i = 0; i < 100; ++i, ++turns_) try_one();
    }
    std::cout << turns_ << " events, " << corpus_.size() << " kept, seed " << seed_ << '\n';
    return 0;
  }

 private:
  std::size_t below(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random_); }

  std::string mutated() {
    std::string text = corpus_[below(corpus_.size())];
    for (std::size_t i = below(8) + 1; i != 0; --i) {
      const std::size_t at = below(text.size() + 1);
      switch (below(7)) {
        case 0:
          text.insert(at, kWords[below(std::size(kWords))]);
          break;
        case 1:
          text.erase(at, below(20) + 1);
          break;
        case 2:
          text.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 3:
          text.insert(at, text.substr(below(text.size() + 1), below(200)));
          break;
        case 4:
          text.insert(at, corpus_[below(corpus_.size())].substr(0, below(300)));
          break;
        case 5:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
          break;
        default:
          text.insert(at, kWords[below(std::size(kWords))]);
          break;
      }
    }
    if (text.size() > 20'000) text.resize(below(3'000));
    return text;
  }

  /// Other digits in words that have nothing else.
  std::string with_other_digits(std::string text) {
    for (std::size_t from = 0; from < text.size();) {
      std::size_t to = from;
      std::uint8_t kinds = 0;
      for (; to < text.size() && is_word(text[to]); ++to) kinds |= class_of(text[to]);
      if (kinds == kDigit) {
        for (std::size_t i = from; i < to; ++i) text[i] = static_cast<char>('0' + below(10));
      }
      from = to + 1;
    }
    return text;
  }

  void require(bool holds, std::string_view promise, std::string_view event) {
    if (holds) return;
    std::cerr << "broken: " << promise << "\nseed " << seed_ << ", turn " << turns_ << ", event:\n" << std::hex;
    for (const char byte : event) {
      if (byte >= ' ' && byte < 0x7F && byte != '\\')
        std::cerr << byte;
      else
        std::cerr << "\\x" << (static_cast<unsigned>(static_cast<unsigned char>(byte)) | 0x100U);
    }
    std::cerr << "\n(\\x1.. is one byte)\n" << Signature(event).text() << '\n';
    std::abort();
  }

  void try_one() {
    const auto event = mutated();
    const Signature signature(event);
    require(signature.text().size() <= Signature::kTextBytes, "the text is bounded", event);
    require(signature.id() != 0 && signature.id() == id_of_text(signature.text()), "the id is that of the text", event);
    for (const char byte : signature.text()) require(!is_blank(byte) || byte == ' ', "no control characters", event);
    const auto other = with_other_digits(event);
    require(Signature(other).id() == signature.id(),
            "digits within numbers change nothing: " + other + "\n-> " + std::string(Signature(other).text()), event);
    // Of exactly the size that is promised: ASan sees one byte more.
    const auto line = event.substr(0, Signature::kBytesSeen);
    std::vector<char> out(line.size() * kMaskGrowth);
    mask(line, out.data(), out.size());
    try_redaction(event);
    try_secret(event);
    try_table(event);
    if (below(50) == 0) {
      if (corpus_.size() < 2'000)
        corpus_.push_back(event);
      else
        corpus_[std::size(kSignatureSamples) + below(1'000)] = event;
    }
  }

  void try_redaction(const std::string& event) {
    const auto once = redacted(event, event.size() + 1);
    const auto twice = redacted(once, once.size() + 1);
    require(twice == once, "redaction twice is redaction once: " + once + "\n-> " + twice, event);
    require(once.size() <= event.size() * 9 + 9, "what is redacted is bounded", event);
  }

  void try_secret(const std::string& event) {
    const auto which = below(std::size(kSecrets));
    auto with = event;
    with.insert(below(with.size() + 1), kSecrets[which]);
    require(Signature(with).text().find(kSecretParts[which]) == std::string_view::npos, "no secret in a signature",
            with);
    require(redacted(with, with.size() + 1).find(kSecretParts[which]) == std::string::npos, "no secret in a sample",
            with);
  }

  void try_table(const std::string& event) {
    now_ += Duration{below(300)};
    table_.add(kWords[below(3)], event, now_, static_cast<Samples>(below(3)));
    ++added_;
    if (below(100) != 0) return;
    for (const auto& count : table_.take()) {
      added_ -= count.count;
      const auto* known = table_.find(count.id);
      require(known == nullptr || known->text.size() <= limits::kSignatureTextBytes, "a sample is bounded", event);
    }
    require(added_ == 0, "each event is counted once", event);
  }

  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<std::string> corpus_;
  std::uint64_t turns_ = 0;
  SignatureTable table_;
  SteadyTime now_{};
  std::uint64_t added_ = 0;
};

}  // namespace
}  // namespace serin::count

int main(int argc, char** argv) {
  const auto seconds = argc > 1 ? std::atoi(argv[1]) : 15;
  const auto seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  return serin::count::Fuzzer(seed).run(std::chrono::seconds{seconds});
}
