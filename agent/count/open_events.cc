#include "agent/count/open_events.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "agent/count/event_parts.h"
#include "protocol/limits.h"

namespace serin::count {
namespace {

constexpr std::string_view kFormat = "1";

/// "5:hello"
void append_field(std::string& to, std::string_view field) {
  to += fmt::format("{}:{}", field.size(), field);
}

std::optional<std::string_view> take_field(std::string_view& from) {
  std::size_t size = 0;
  const auto read = std::from_chars(from.data(), from.data() + from.size(), size);
  const auto digits = static_cast<std::size_t>(read.ptr - from.data());
  if (read.ec != std::errc{} || digits >= from.size() || from[digits] != ':') return std::nullopt;
  from.remove_prefix(digits + 1);
  if (size > from.size() || size > limits::kEventBytesKept) return std::nullopt;
  const auto field = from.substr(0, size);
  from.remove_prefix(size);
  return field;
}

std::string_view unindented(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line;
}

}  // namespace

void OpenEvents::close(const Event& event, const MessageSink& messages) {
  if (event.rule.empty()) return;
  messages.add(event.rule, event_text(event.text, event.name, event.frame));
}

bool OpenEvents::take(std::string_view line, const re2::RE2* record_start, const MessageSink& messages) {
  const auto said = split_process(line);
  bool belongs = false;
  for (auto event = events_.begin(); event != events_.end();) {
    bool over = false;
    if (event->process != said.process) {
      over = ++event->lines_apart > kLinesApart;
    } else {
      auto next = goes_on(event->shape, said.content);
      if (record_start != nullptr) {
        const re2::StringPiece content(said.content.data(), said.content.size());
        if (record_start->Match(content, 0, content.size(), RE2::UNANCHORED, nullptr, 0)) {
          next.reset();
        } else if (!next) {
          next = GoesOn{.shape = event->shape};
        }
      }
      over = !next;
      belongs = next.has_value();
      if (next) {
        if (next->names_it) event->name = unindented(said.content).substr(0, limits::kEventBytesKept / 2);
        keep_frame(said.content, event->frame);
        event->shape = next->shape;
        event->lines_apart = 0;
        event->last = messages.now;
        event->undated = false;
      }
    }
    if (over) {
      close(*event, messages);
      event = events_.erase(event);
    } else {
      ++event;
    }
  }
  return belongs;
}

void OpenEvents::begin(std::string_view line, std::string_view rule, const MessageSink& messages) {
  if (events_.size() == kOpenMax) {
    close(events_.front(), messages);
    events_.erase(events_.begin());
  }
  const auto said = split_process(line);
  Event& event = events_.emplace_back();
  event.process = said.process.substr(0, limits::kEventBytesKept);
  event.rule = rule;
  event.text = line.substr(0, limits::kEventBytesKept / 2);
  event.shape = shape_of_first(said.content);
  event.last = messages.now;
}

void OpenEvents::close_old(const MessageSink& messages) {
  std::erase_if(events_, [&](Event& event) {
    if (event.undated) {
      event.undated = false;
      event.last = messages.now;
    }
    if (messages.now - event.last < kOpenFor) return false;
    close(event, messages);
    return true;
  });
}

void OpenEvents::close_all(const MessageSink& messages) {
  for (const auto& event : events_) close(event, messages);
  events_.clear();
}

std::string OpenEvents::saved() const {
  std::string all;
  for (const auto& event : events_) {
    if (all.empty()) all = kFormat;
    for (const auto& field : {event.process, event.rule, event.text, event.name, event.frame}) append_field(all, field);
    append_field(all, fmt::format("{}", static_cast<unsigned>(event.shape.phase)));
    append_field(all, fmt::format("{}", event.shape.indent));
    append_field(all, event.shape.from_nginx ? "1" : "0");
  }
  return all;
}

OpenEvents OpenEvents::restored(std::string_view saved) {
  OpenEvents all;
  if (!saved.starts_with(kFormat)) return all;
  saved.remove_prefix(kFormat.size());
  while (!saved.empty() && all.events_.size() < kOpenMax) {
    std::string_view fields[8];
    for (auto& field : fields) {
      const auto taken = take_field(saved);
      if (!taken) return {};
      field = *taken;
    }
    Event event{.process = std::string(fields[0]),
                .rule = std::string(fields[1]),
                .text = std::string(fields[2]),
                .name = std::string(fields[3]),
                .frame = std::string(fields[4]),
                .shape = {.from_nginx = fields[7] == "1"},
                .undated = true};
    unsigned phase = 0;
    const auto number = [](std::string_view text, auto& to) {
      return std::from_chars(text.data(), text.data() + text.size(), to).ec == std::errc{};
    };
    if (!number(fields[5], phase) || phase > static_cast<unsigned>(EventShape::Phase::chained)) return {};
    if (!number(fields[6], event.shape.indent)) return {};
    event.shape.phase = static_cast<EventShape::Phase>(phase);
    all.events_.push_back(std::move(event));
  }
  return all;
}

}  // namespace serin::count
