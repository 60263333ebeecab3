package jetstream

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Finding is something that an operator should know of a deployment.
type Finding struct {
	Good bool
	What string // such as "every write is durable before it is answered"
}

// Check looks at a deployment: whether it can do what this package needs, and whether what it
// has accepted can be lost. System, if not nil, is a connection of the system account, which
// alone is told how the servers write.
func Check(ctx context.Context, nc, system *nats.Conn) ([]Finding, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return []Finding{{What: "there is no stream MLS: mlsdelivery setup makes it"}}, nil
	}
	if err != nil {
		return nil, err
	}
	found := checkStream(stream.CachedInfo())
	stored, err := checkRoom(ctx, js)
	if err != nil {
		return nil, err
	}
	found = append(found, stored...)
	found = append(found, checkConnection(nc)...)
	if system == nil {
		return append(found, Finding{What: "nobody can tell whether the servers make each write durable (sync_interval: always) without a connection of the system account"}), nil
	}
	servers, err := checkServers(ctx, system)
	return append(found, servers...), err
}

func checkStream(info *jetstream.StreamInfo) []Finding {
	found := []Finding{
		{info.Config.AllowAtomicPublish, "a commit, its Welcomes and its GroupInfo are published in one atomic batch"},
		{info.Config.Storage == jetstream.FileStorage, "the stream is in files"},
		{info.Config.Replicas >= 3, fmt.Sprintf("the stream has %d copies; it takes three to outlive a server", info.Config.Replicas)},
	}
	if c := info.Cluster; c != nil {
		behind := 0
		for _, r := range c.Replicas {
			if !r.Current || r.Offline {
				behind++
			}
		}
		found = append(found, Finding{behind == 0, fmt.Sprintf("%d copies of the stream are behind or offline", behind)})
	}
	if info.Config.MaxAge > 0 {
		found = append(found, Finding{false, fmt.Sprintf("the server deletes what is older than %v, even a group's state: let mlsdelivery collect do so", info.Config.MaxAge)})
	}
	return found
}

// checkRoom says how full the streams of NATS are.
func checkRoom(ctx context.Context, js jetstream.JetStream) (found []Finding, err error) {
	names := slices.Sorted(maps.Keys(limited(DefaultLimits())))
	for _, name := range names {
		s, err := js.Stream(ctx, name)
		if err != nil {
			return nil, err
		}
		has, limit := s.CachedInfo().State.Bytes, s.CachedInfo().Config.MaxBytes
		if limit <= 0 {
			found = append(found, Finding{false, fmt.Sprintf("%s has no limit: clients can fill the disk", name)})
			continue
		}
		percent := has * 100 / uint64(limit)
		found = append(found, Finding{percent < 80, fmt.Sprintf("%s is full to %d%% of its %d bytes", name, percent, limit)})
	}
	return found, nil
}

func checkConnection(nc *nats.Conn) []Finding {
	found := []Finding{{nc.MaxPayload() >= 128<<10, fmt.Sprintf("a message may have %d bytes; below 128 KiB almost everything goes to the object store", nc.MaxPayload())}}
	state, err := nc.TLSConnectionState()
	if err != nil {
		return append(found, Finding{false, "the connection is not encrypted"})
	}
	return append(found,
		Finding{state.Version >= tls.VersionTLS13, "the connection is " + tls.VersionName(state.Version)},
		Finding{postQuantum(state.CurveID), fmt.Sprintf("its key exchange is %v", state.CurveID)},
	)
}

func postQuantum(id tls.CurveID) bool {
	return id == tls.X25519MLKEM768 || id == tls.SecP256r1MLKEM768 || id == tls.SecP384r1MLKEM1024
}

// checkServers asks all servers how they write.
func checkServers(ctx context.Context, system *nats.Conn) ([]Finding, error) {
	inbox := system.NewRespInbox()
	answers, err := system.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := system.PublishRequest("$SYS.REQ.SERVER.PING.VARZ", inbox, nil); err != nil {
		return nil, err
	}
	var found []Finding
	for {
		// Who has not answered by then is not there.
		limited, cancel := context.WithTimeout(ctx, 2*time.Second)
		m, err := answers.NextMsgWithContext(limited)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil || errors.Is(err, nats.ErrNoResponders) {
			break
		}
		if err != nil {
			return found, err
		}
		var answer struct {
			Data server.Varz `json:"data"`
		}
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			return found, err
		}
		found = append(found, checkServer(answer.Data))
	}
	if len(found) == 0 {
		found = append(found, Finding{What: "no server answers the system account"})
	}
	return found, nil
}

func checkServer(v server.Varz) Finding {
	name := fmt.Sprintf("server %s, version %s", v.Name, v.Version)
	switch c := v.JetStream.Config; {
	case c == nil:
		return Finding{false, name + ", has no JetStream"}
	case c.SyncAlways:
		return Finding{true, name + ", makes each write durable before it answers"}
	default:
		return Finding{false, fmt.Sprintf("%s, makes writes durable every %v: a loss of power loses what it has accepted since (set sync_interval: always)", name, c.SyncInterval)}
	}
}
