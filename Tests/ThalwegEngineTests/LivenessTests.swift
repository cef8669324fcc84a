import Testing
import ThalwegModel

@testable import ThalwegEngine

/// Times are microseconds of a clock that the tests turn themselves.
@Suite struct LivenessTests {
    private static let second: Int64 = 1_000_000
    private let one = SourceID(1)

    /// Ticks as the server does, and gives who died on the way to `end`.
    private func wait(
        _ liveness: inout Liveness, from start: Int64, to end: Int64
    ) -> [Liveness.Death] {
        var dead: [Liveness.Death] = []
        for time in stride(from: start, through: end, by: 100_000) {
            dead += liveness.tick(time: time)
        }
        return dead
    }

    private func claim(
        _ liveness: inout Liveness, _ time: Int64, isShared: Bool = false
    ) throws -> Bool {
        try liveness.claim(one, isShared: isShared, time: time)
    }

    /// Why a claim is refused.
    private func refusal(_ liveness: inout Liveness, _ time: Int64) -> ErrorCode? {
        do throws(ThalwegError) {
            _ = try liveness.claim(one, isShared: false, time: time)
            return nil
        } catch {
            return error.code
        }
    }

    private func held(deadline: Int64 = 30 * second) throws -> Liveness {
        var liveness = Liveness()
        liveness.know(one, deadlineMicroseconds: deadline, time: 0)
        let isReturning = try claim(&liveness, 0)
        #expect(!isReturning)
        return liveness
    }

    @Test func aHeldSourceNeverDies() throws {
        var liveness = try held()
        let step1 = wait(&liveness, from: 0, to: 500 * Self.second)
        #expect(step1.isEmpty)
    }

    @Test func aReleasedSourceDiesAtItsDeadlineAndNotBefore() throws {
        var liveness = try held()
        liveness.release(one, heardAt: 10 * Self.second)
        let step2 = wait(&liveness, from: 0, to: 40 * Self.second - 100_000)
        #expect(step2.isEmpty)
        let step3 = wait(&liveness, from: 40 * Self.second, to: 41 * Self.second)
        #expect(step3.map(\.source) == [one])
        let step4 = wait(&liveness, from: 41 * Self.second, to: 200 * Self.second)
        #expect(step4.isEmpty)
    }

    @Test func whoComesBackInTimeLosesNothing() throws {
        var liveness = try held()
        liveness.release(one, heardAt: 0)
        let step5 = wait(&liveness, from: 0, to: 29 * Self.second)
        #expect(step5.isEmpty)
        let isReturning = try claim(&liveness, 29 * Self.second)
        #expect(!isReturning)
        let step6 = wait(&liveness, from: 29 * Self.second, to: 99 * Self.second)
        #expect(step6.isEmpty)
    }

    @Test func aReturnDuringTheRetractionStopsIt() throws {
        var liveness = try held()
        liveness.release(one, heardAt: 0)
        let first = wait(&liveness, from: 0, to: 31 * Self.second)
        let isReturning = try claim(&liveness, 31 * Self.second)
        #expect(isReturning)
        let step7 = liveness.settled(first[0])
        #expect(!step7)
        // It dies again; the first death's end says nothing of the second.
        liveness.release(one, heardAt: 31 * Self.second)
        let second = wait(&liveness, from: 31 * Self.second, to: 62 * Self.second)
        let step8 = liveness.settled(first[0])
        #expect(!step8)
        let step9 = liveness.settled(second[0])
        #expect(step9)
        #expect(liveness.isIdle(one))
    }

    @Test func withoutADeadlineASourceOutlivesEverything() throws {
        var liveness = try held(deadline: 0)
        liveness.release(one, heardAt: 0)
        let step10 = wait(&liveness, from: 0, to: 900 * Self.second)
        #expect(step10.isEmpty)
    }

    @Test func theLastOfSeveralHoldersCounts() throws {
        var liveness = Liveness()
        liveness.know(one, deadlineMicroseconds: Self.second, time: 0)
        _ = try liveness.claim(one, isShared: true, time: 0)
        _ = try liveness.claim(one, isShared: true, time: 0)
        let unshared = refusal(&liveness, 0)
        #expect(unshared == .sourceClaimed)
        liveness.release(one, heardAt: 0)
        let step11 = wait(&liveness, from: 0, to: 9 * Self.second)
        #expect(step11.isEmpty)
        liveness.release(one, heardAt: 9 * Self.second)
        let step12 = wait(&liveness, from: 9 * Self.second, to: 11 * Self.second)
        #expect(step12.count == 1)
    }

    /// The connection of a client that reconnects is still there, half open. The client is refused,
    /// and has then its whole deadline, not what is left of its dead connection's.
    @Test func whoKnocksIsAlive() throws {
        var liveness = try held()
        let code = refusal(&liveness, 25 * Self.second)
        #expect(code == .sourceClaimed)
        liveness.release(one, heardAt: 0)
        let step13 = wait(&liveness, from: 0, to: 54 * Self.second)
        #expect(step13.isEmpty)
        let step14 = wait(&liveness, from: 54 * Self.second, to: 56 * Self.second)
        #expect(step14.count == 1)
    }

    @Test func afterARestartEverybodyHasTheWholeDeadline() {
        var liveness = Liveness()
        let start = 5_000 * Self.second
        liveness.know(one, deadlineMicroseconds: 30 * Self.second, time: start)
        let step15 = wait(&liveness, from: start, to: start + 29 * Self.second)
        #expect(step15.isEmpty)
        let step16 = wait(&liveness, from: start + 29 * Self.second, to: start + 31 * Self.second)
        #expect(step16.count == 1)
    }

    @Test func aPauseOfTheServerItselfKillsNobody() throws {
        var liveness = try held()
        liveness.release(one, heardAt: 0)
        let step17 = wait(&liveness, from: 0, to: 10 * Self.second)
        #expect(step17.isEmpty)
        // Stopped for an hour.
        let resumed = 3_610 * Self.second
        let step18 = liveness.tick(time: resumed)
        #expect(step18.isEmpty)
        let step19 = wait(&liveness, from: resumed, to: resumed + 19 * Self.second)
        #expect(step19.isEmpty)
        let step20 = wait(
            &liveness, from: resumed + 19 * Self.second, to: resumed + 21 * Self.second)
        #expect(step20.count == 1)
    }

    @Test func aSourceThatLeavesCannotBeClaimed() throws {
        var liveness = try held()
        liveness.release(one, heardAt: 0)
        let dead = wait(&liveness, from: 0, to: 31 * Self.second)
        let step21 = liveness.settled(dead[0])
        #expect(step21)
        liveness.leave(one)
        let code = refusal(&liveness, 32 * Self.second)
        #expect(code == .sourceRequired)
        liveness.forget(one)
        liveness.know(one, deadlineMicroseconds: Self.second, time: 33 * Self.second)
        let isReturning = try claim(&liveness, 33 * Self.second)
        #expect(!isReturning)
    }

    /// The sources that die in one tick come together, so that one walk serves them.
    @Test func manyDieInOneTick() throws {
        var liveness = Liveness()
        for number in UInt16(1)...1_000 {
            liveness.know(SourceID(number), deadlineMicroseconds: Self.second, time: 0)
        }
        let dead = wait(&liveness, from: 0, to: Self.second)
        #expect(dead.map(\.source) == (UInt16(1)...1_000).map { SourceID($0) })
    }
}
