import ThalwegModel

/// Gives a topic's state an identity; nothing else.
final class TopicBox {
    let id: TopicID
    @exclusivity(unchecked) var state: TopicState
    /// The system's: no client writes to it.
    let isSystem: Bool
    /// Bytes of writes until memory is looked at again.
    @exclusivity(unchecked) var checkMemoryIn = 0
    /// While a snapshot is being loaded.
    var load: SnapshotLoad?
    var restoredLast: UInt64 = 0
    var restoredHorizon: UInt64 = 0
    var restoredVersionFloor: UInt64 = 0
    /// What the state comes to at the last mark that asked for it.
    var check = TopicCheck.none
    /// What somebody asked for besides.
    var question: HashWalk?

    init(_ state: consuming TopicState) {
        id = state.id
        isSystem = Name.isSystem(state.definition.name)
        self.state = state
    }
}
