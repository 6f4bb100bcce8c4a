#include "agent/apply/journal_file.h"

#include <fmt/format.h>

#include "agent/apply/journal_record.h"
#include "protocol/digest.h"
#include "protocol/posix/files.h"

namespace serin::apply {

namespace {
constexpr std::string_view kMagic = "serinjn1";
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kJournalBytesMax = 4U << 20;
}  // namespace

Result<StepJournal> JournalFile::load() const {
  const auto bytes = posix::read_file(file_, kJournalBytesMax);
  if (!bytes && bytes.error().kind == ErrorKind::not_found) return StepJournal{};
  if (!bytes) return std::unexpected(bytes.error());
  const std::string_view all = *bytes;
  const auto corrupt = [&](const std::string& why) {
    return failure(ErrorKind::corrupt, fmt::format("journal {}: {}", file_.string(), why));
  };
  if (all.size() < kMagic.size() + kDigestBytes || !all.starts_with(kMagic)) return corrupt("not one of Serin's");
  const std::string_view record = all.substr(kMagic.size() + kDigestBytes);
  if (digest_of(record).raw() != all.substr(kMagic.size(), kDigestBytes)) return corrupt("its checksum is wrong");
  auto journal = decode_journal(record);
  if (!journal) return corrupt(journal.error().text);
  return journal;
}

Result<void> JournalFile::save(const StepJournal& journal) const {
  const std::string record = encode_journal(journal);
  std::string bytes(kMagic);
  bytes += digest_of(record).raw();
  bytes += record;
  return posix::replace_file(file_, bytes, 0600);
}

}  // namespace serin::apply
