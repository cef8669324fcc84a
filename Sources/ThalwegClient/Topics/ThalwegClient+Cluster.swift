extension ThalwegClient {
    /// The cluster as the node that this client is connected to knows it; cluster 0 for a node that
    /// stands alone.
    public func clusterStatus() async throws(ThalwegError) -> ClusterInfo {
        let answer = try await ask(
            ClusterStatusRequest(), expecting: .clusterInfo, kind: .repeatable)
        return try answer.decode(ClusterInfo.self)
    }

    /// Changes the cluster; returns when the change is committed, leadership was taken over, or the
    /// snapshot is on the disk.
    ///
    /// Throws `not_leader`, with the address to go to, where another node must be asked (a snapshot
    /// is taken by whoever is asked); `membership_busy` while another change is under way or a
    /// learner lags too far behind to be promoted: ask again; `invalid_configuration` for what
    /// cannot be.
    public func changeCluster(_ action: ChangeMembers.Action) async throws(ThalwegError) {
        _ = try await ask(ChangeMembers(action), expecting: .okay, kind: .once)
    }
}
