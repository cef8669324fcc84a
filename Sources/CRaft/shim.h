// C-Raft's consensus core, as far as `raft_step` goes: no I/O backend, so no libuv.
#include <raft.h>

// Debian 12's own 0.15 commits entries of old terms by counting replicas, and later versions give
// the memory of events to other owners: only 0.22 is what Sources/ThalwegCluster/Consensus expects.
#if RAFT_VERSION_NUMBER / 100 != 22
#error "C-Raft 0.22 is needed: run scripts/get-raft.sh"
#endif
