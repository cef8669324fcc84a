import NIOCore
import ThalwegModel

/// What a connection knows of when it was heard.
struct Silence {
    /// How long the client may say nothing; zero is for ever.
    var deadline = TimeAmount.zero
    /// When bytes last came.
    var heardAt = NIODeadline.now()
    /// Its socket was looked at once more, to see whether there is anything.
    var isProbed = false
    /// For a connection that is read anyway: longer than a turn of its loop.
    static let lastLook = TimeAmount.milliseconds(10)
}

// A client that is silent past its deadline is dead, whatever its socket says: the connection is
// closed, and the deadline of its source counts from when it was last heard.
extension ClientConnection {
    /// Looks when the deadline would be over, and again as often as something came meanwhile.
    func watchSilence() {
        guard silence.deadline > .zero else { return }
        let due = silence.heardAt + silence.deadline
        judgeSilence(at: max(due, .now()), due)
    }

    private func judgeSilence(at time: NIODeadline, _ due: NIODeadline) {
        outlet.loop?.scheduleTask(deadline: time) { [self] in
            settled { $0.judgeSilence(due) }
        }
    }

    private func judgeSilence(_ due: NIODeadline) {
        guard let channel, channel.isActive else { return }
        let now = NIODeadline.now()
        if now - silence.heardAt < silence.deadline {
            silence.isProbed = false
            return watchSilence()
        }
        // This loop itself was not running, or has work of this client left: who knows.
        if now - due > .seconds(1) || handedOver > 0 {
            silence.heardAt = now
            return watchSilence()
        }
        if !silence.isProbed {
            // A look at what may have come. Where answers fill the connection up it is not read; else it
            // may have been so until just now, and the loop comes to reading it behind this.
            silence.isProbed = true
            var wait = Silence.lastLook
            if isReadPending {
                channel.read()
                wait = .nanoseconds(max(silence.deadline.nanoseconds / 4, wait.nanoseconds))
            }
            return judgeSilence(at: now + wait, now + wait)
        }
        fail(
            ThalwegError(
                .timedOut, "nothing was heard for \(silence.deadline.nanoseconds / 1_000_000) ms",
                advice: "send PING each heartbeat, or ask for a longer deadline in HELLO"),
            isPatient: false)
    }

    /// The claim of a source ends with its connection.
    func release(_ held: HeldSource) {
        guard held.source != .none else { return }
        let heardAt = Int64(silence.heardAt.uptimeNanoseconds / 1_000)
        node.catalog.loop.execute { [node] in node.catalog.release(held, heardAt: heardAt) }
    }
}
