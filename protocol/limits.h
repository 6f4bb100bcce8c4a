#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every bound in one place. Bytes unless the name says otherwise.
namespace serin::limits {

using namespace std::chrono_literals;

// Trees
inline constexpr std::size_t kNameBytesMax = 255;              ///< one path component, as on Linux
inline constexpr std::size_t kPathBytesMax = 4'000;            ///< a whole relative path
inline constexpr std::size_t kTreeDepthMax = 128;              ///< nested folders
inline constexpr std::size_t kFolderEntriesMax = 100'000;      ///< entries of one folder
inline constexpr std::size_t kTreeEntriesMax = 1'000'000;      ///< entries of one release
inline constexpr std::size_t kSymlinkBytesMax = 4'000;         ///< a link's target
inline constexpr std::uint64_t kObjectBytesMax = 1ULL << 32;   ///< one file: 4 GiB
inline constexpr std::size_t kTreeObjectBytesMax = 64U << 20;  ///< one encoded folder

// Packs: what a host holds of one at a time
inline constexpr std::uint64_t kPackBytesMax = 1ULL << 44;     ///< a whole one, of which it holds a group
inline constexpr std::size_t kPackSharedBytes = 1U << 20;      ///< content of small objects in one group
inline constexpr std::size_t kPackContentBytesMax = 8U << 20;  ///< of one group: larger files come in pieces
inline constexpr std::size_t kPackPrefixBytesMax = 16U << 20;  ///< old bytes that one group is told against
inline constexpr std::size_t kPackFrameBytesMax = 9U << 20;    ///< compressed, where nothing could be
inline constexpr std::size_t kPackEntryBytesMax = 4U << 20;    ///< all entries of one group
inline constexpr std::size_t kPackEntriesOfGroup = 1'000;

// Releases
inline constexpr std::size_t kReleaseRecordBytesMax = 16U << 10;
inline constexpr std::size_t kMessageBytesMax =
    1U << 20;  ///< -m: longer is cut with a mark when stored, see kMessageBytesKept
inline constexpr std::size_t kMessageBytesKept = 4U << 10;

// Names
inline constexpr std::size_t kHostNameBytesMax = 64;
inline constexpr std::size_t kApplicationNameBytesMax = 64;
inline constexpr std::size_t kApplicationsPerHostMax = 64;
inline constexpr std::size_t kKeptPathsMax = 64;  ///< of one application
inline constexpr std::size_t kSlotUsesMax = 8;    ///< of one application, in one message

// Disk
inline constexpr std::uint64_t kControllerReserveBytes = 16U << 20;  ///< with less free nothing new is deployed

// Wire: orders, operator and content sockets
inline constexpr std::uint16_t kProtocolNewest = 1;
inline constexpr std::uint16_t kProtocolOldest = 1;
inline constexpr std::size_t kFramesMax = 3;  ///< header, body and, on the content socket, a payload
inline constexpr std::size_t kHeaderBytesMax = 64;
inline constexpr std::size_t kControlFrameBytesMax = 256U << 10;
inline constexpr std::size_t kOperatorFrameBytesMax = 8U << 20;  ///< the status of 10,000 hosts
inline constexpr std::size_t kChunkBytes = 256U << 10;           ///< the largest payload of one object_part
inline constexpr std::size_t kContentFrameBytesMax = kChunkBytes + (4U << 10);
inline constexpr std::size_t kUnpackItemsMax = 4'096;  ///< entries of one msgpack array or map
inline constexpr std::size_t kUnpackDepthMax = 8;

// Flow
inline constexpr std::size_t kPackAheadBytesMax = 4U << 10;  ///< what a connection and a request cost, about
inline constexpr std::size_t kContentSourcesMax = 32;        ///< proxies that one host is told of
inline constexpr std::size_t kFleetKeysPerMessage = 1'000;
inline constexpr std::size_t kCreditBytes = 1U << 20;  ///< what one puller may have outstanding
inline constexpr int kHighWaterMark = 1'000;           ///< messages for each peer, each way

// Time
inline constexpr auto kHeartbeat = 2s;
inline constexpr auto kLease = 30s;
inline constexpr auto kOperatorWaitMax = 366 * 24h;  ///< of --wait: sums with a clock stay far from the ends
inline constexpr auto kReportedSecondsKept = 120s;   ///< what an agent can send again
inline constexpr auto kLedgerFine = 600s;            ///< the controller's ring of seconds
inline constexpr auto kWaitMin = 1s;
inline constexpr auto kWaitMax = 7min;   ///< of a judge: all its seconds, and silence_max, fit into kLedgerFine
inline constexpr auto kHorizonMin = 8s;  ///< of the sequential judge: it needs so long for a pass
inline constexpr auto kSettleMax = 60s;
inline constexpr auto kBaselineMax =
    300s;  ///< before a deployment, second by second: kept in kLedgerFine beside its start
inline constexpr auto kLedgerCoarse = 3'600s;  ///< its ring of 10 s sums

// Counting
inline constexpr std::size_t kReadBytes = 64U << 10;          ///< one buffer for all files
inline constexpr std::size_t kLineBytesMatched = 16U << 10;   ///< a longer line is matched on this much
inline constexpr std::size_t kReadBytesPerTurn = 1U << 20;    ///< fairness between files
inline constexpr std::size_t kJournalEntriesPerTurn = 5'000;  ///< fairness between journals and files
inline constexpr std::size_t kReadBytesPerCall = 32U << 20;   ///< of all files of an application
inline constexpr std::uint64_t kBacklogBytesMax = 16U << 20;  ///< more than this behind is skipped, and said
inline constexpr std::size_t kRulesPerSourceMax = 64;         ///< those of its preset among them
inline constexpr std::size_t kRuleBytesMax = 4U << 10;        ///< of one expression
inline constexpr std::size_t kEventBytesKept = 1U << 10;      ///< of an event's text: enough to name it
inline constexpr std::size_t kSignaturesKept = 256;           ///< messages that an agent tells apart, each application
inline constexpr std::size_t kSignaturesPerSecond = 32;       ///< of these in one second of a report
inline constexpr std::size_t kSignatureTextsPerReport = 64;
inline constexpr std::size_t kSignatureTextBytes = 200;

// What is learnt from the past
inline constexpr std::size_t kBurstsKept = 50;  ///< of an application
inline constexpr std::size_t kTuneCellsMax =
    2'000'000;                                         ///< hosts x seconds of each kind that serin tune looks at: 64 MB
inline constexpr std::size_t kSettleHostsMax = 2'000;  ///< larger deployments teach no settle: it takes too long

inline constexpr std::size_t kMessagesPerApplication = 20'000;  ///< error messages that the controller knows
inline constexpr std::size_t kNewMessagesPerMinute = 1'000;     ///< of these that it takes in
inline constexpr std::size_t kReportNameBytes = 64;             ///< a run, a rule's name, the hash of the rules

// Logstash and Prometheus
inline constexpr std::int64_t kSourceStepsMax = 8'000;   ///< of one host in one request
inline constexpr std::size_t kSourceBucketsMax = 8'000;  ///< hosts x steps of one request: servers allow 10,000 or more
inline constexpr std::size_t kSourceHostsMax = 500;      ///< of one request
inline constexpr std::size_t kSourceAnswerBytes = 8U << 20;  ///< a larger answer is refused
inline constexpr std::size_t kSourceRequestsMax = 64;        ///< under way at once, of all applications

// Traces of deploys, as serin judge reads them
inline constexpr std::size_t kTraceBytesMax = 512U << 20;
inline constexpr std::size_t kTraceHostsMax = 20'000;
inline constexpr std::size_t kTraceCellsMax = 8'000'000;  ///< hosts x seconds: 256 MB in memory
inline constexpr std::size_t kTraceSignaturesMax = 2'000'000;
inline constexpr std::uint64_t kTraceCountMax = 1'000'000'000;  ///< of errors, lines or requests in one second
inline constexpr std::int64_t kTraceSecondMax = 1'000'000'000'000'000;

// Verify
inline constexpr std::size_t kDriftListed = 100;                  ///< paths of a report
inline constexpr std::size_t kDriftListedBytes = 64U << 10;       ///< of all of them together
inline constexpr std::size_t kDriftsKept = 20'000;                ///< that one look at a tree gives to be mended
inline constexpr std::uint64_t kTreeLookBytesPerFile = 4U << 10;  ///< what one entry costs beside its bytes

// Hooks
inline constexpr std::size_t kHookOutputBytesKept = 8U << 10;

}  // namespace serin::limits
