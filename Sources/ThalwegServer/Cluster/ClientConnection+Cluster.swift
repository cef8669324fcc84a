import NIOCore
import ThalwegModel
import ThalwegWire

// What clients ask about the cluster.
extension ClientConnection {
    func clusterStatus(_ requestID: UInt32) {
        node.clusterInfo { [self] result in
            switch result {
            case .success(let info): answer(info, requestID)
            case .failure(let error): refuse(error, requestID)
            }
        }
    }

    func changeMembers(_ action: ChangeMembers.Action, _ requestID: UInt32) {
        guard let loop = channel?.eventLoop else { return }
        node.change(action, on: loop) { [self] result in
            switch result {
            case .success: answer(Okay(), requestID)
            case .failure(let error): refuse(error, requestID)
            }
        }
    }
}
