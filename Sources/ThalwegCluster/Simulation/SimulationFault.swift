/// What can go wrong in a simulated cluster.
public enum SimulationFault: String, Sendable, CaseIterable {
    /// Messages get lost.
    case loss
    /// Messages take long, and overtake one another.
    case delay
    /// Messages arrive twice.
    case duplication
    /// A node is cut off, in both directions.
    case partition
    /// A node is heard but does not hear, or the other way round.
    case oneWay
    /// A node stands still and goes on later, as if nothing had been.
    case pause
    /// A process dies and starts again.
    case kill
    /// The power fails in the middle of a write: what was not synced is lost or torn.
    case power
    /// A bit of a node's disk flips while it is down; the node must notice, and is replaced.
    case bitFlip
    /// A disk has no room for a while.
    case fullDisk
    /// A node's clock jumps.
    case clock
    /// Nodes are added, promoted and removed.
    case membership
    /// Leadership is handed over.
    case transfer
    /// A node's disk and network become very slow.
    case slow
    /// Connections of a node that lives end, to one other or to all.
    case reset
}
