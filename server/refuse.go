package server

import (
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// refuse appends an error answer to something that is not a message.
func (s *Server) refuse(ls *loopState, out, id []byte, e *codec.Error) []byte {
	ls.count.fault(e)
	return codec.AppendError(out, id, e, nil)
}

// refuseScanned answers a frame that the scanner refused. What looks like a notification is
// never answered, not even when it is wrong.
func (s *Server) refuseScanned(in *inbound, out []byte, e *codec.Error) []byte {
	in.status = e.Status
	if !in.msg.WantsAnswer() && e != codec.ErrParse {
		in.ls.count.fault(e)
		return out
	}
	return s.refuse(in.ls, out, in.msg.ID, e)
}

// failRequest appends an error answer unless the message is a notification.
func (in *inbound) failRequest(out []byte, e *codec.Error, data []byte) []byte {
	if in.msg.Kind == codec.KindNotification {
		in.status = e.Status
		in.ls.count.fault(e)
		return out
	}
	return in.fail(out, e, data)
}

// failUnsupported answers a modern request of a revision that is not spoken here (-32022).
func (in *inbound) failUnsupported(out []byte) []byte {
	data := mcp.AppendUnsupported(nil, in.env.VersionName)
	return in.failRequest(out, codec.ErrUnsupportedVersion, data)
}

// newPeer reads the parameters of initialize.
func newPeer(in *inbound) (*peer, *codec.Error) {
	requested, ok := codec.StringContent(in.msg.Param("protocolVersion"))
	if !ok {
		return nil, inBand(codec.ErrInvalidParams.With("protocolVersion must be a string"))
	}
	capabilities, info := in.msg.Param("capabilities"), in.msg.Param("clientInfo")
	if capabilities != nil && capabilities[0] != '{' {
		return nil, inBand(codec.ErrInvalidParams.With("capabilities must be an object"))
	}
	if info != nil && info[0] != '{' {
		return nil, inBand(codec.ErrInvalidParams.With("clientInfo must be an object"))
	}
	p := &peer{view: in.view, version: mcp.Negotiate(requested)}
	p.capabilities = clip(capabilities, peerBytes)
	p.clientInfo = clip(info, peerBytes)
	return p, nil
}

// peerBytes bounds what a session keeps of its client's description.
const peerBytes = 4 << 10

// clip copies raw, or returns nil when it is larger than a session may keep.
func clip(raw []byte, most int) []byte {
	if len(raw) == 0 || len(raw) > most {
		return nil
	}
	return append([]byte(nil), raw...)
}
