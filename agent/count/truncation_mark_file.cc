#include "agent/count/truncation_mark_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include "protocol/posix/unique_fd.h"

namespace serin::count {
namespace {

constexpr std::size_t kMappedBytes = 4'096;

/// Through a file in memory the kernel copies from and to the page: where there is no page any more, that is an error
/// and no signal.
int scratch() {
  static const posix::UniqueFd fd(::memfd_create("serin-mark", MFD_CLOEXEC));
  return fd.get();
}

}  // namespace

void TruncationMark::Unmap::operator()(void* page) const {
  ::munmap(page, kMappedBytes);
}

bool TruncationMark::place(int fd) {
  page_.reset();
  char first = 0;
  if (::pread(fd, &first, 1, 0) != 1) return false;
  void* page = ::mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (page == MAP_FAILED) return false;
  page_.reset(page);
  mark_ = static_cast<char>(~first);
  if (::pwrite(scratch(), &mark_, 1, 0) == 1 && ::pread(scratch(), page, 1, 0) == 1) return true;
  page_.reset();
  return false;
}

bool TruncationMark::is_gone() const {
  if (!page_) return false;
  char found = 0;
  if (::pwrite(scratch(), page_.get(), 1, 0) != 1) return true;
  return ::pread(scratch(), &found, 1, 0) == 1 && found != mark_;
}

}  // namespace serin::count
