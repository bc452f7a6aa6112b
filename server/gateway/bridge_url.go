package gateway

import (
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// A legacy upstream may refuse a call until its user has been somewhere (2025-11-25,
// client/elicitation, "URL Elicitation Required Error"). Clients of that revision know the error;
// to modern ones it is a question, and their answer has the call made again.

// passError answers with an upstream's error.
func (f *forward) passError(to recipient, raw []byte) {
	e := rpcError(raw)
	mayAsk := to.version.Modern() && f.item.Kind.Use() == f.method
	if mayAsk && e.Code == codec.ErrURLElicitation.Code {
		if asked := placesOf(e); asked != nil {
			f.item.up.count.asks.Add(uint64(len(asked.Requests)))
			to.caller.RequireInput(asked)
			return
		}
	}
	f.handed(to, e)
	to.caller.Fail(f.errorOf(e, to.version))
}

// elicitationsOf are the params of the places that an error names.
func elicitationsOf(e *mcp.Error) []json.RawMessage {
	data, _ := e.Data.(json.RawMessage)
	var wire struct {
		Elicitations []json.RawMessage `json:"elicitations"`
	}
	if json.Unmarshal(data, &wire) != nil {
		return nil
	}
	return wire.Elicitations
}

// placesOf is the question; nil when the error names no places.
func placesOf(e *mcp.Error) *mcp.InputRequired {
	all := elicitationsOf(e)
	if len(all) == 0 {
		return nil
	}
	asked := &mcp.InputRequired{
		Relay: true, State: bridged{Again: true}, Requests: mcp.InputRequests{},
	}
	for n, params := range all {
		one := &mcp.RawInput{Method: mcp.RequestElicit, Params: params}
		asked.Requests[fmt.Sprintf("%s-%d", one.Method, n+1)] = one
	}
	return asked
}

// callAgain is Call for a client whose user has been asked to go there.
func (i *Item) callAgain(c Caller, req *mcp.Request) {
	for _, answer := range req.InputResponses {
		action, _ := codec.StringContent(codec.Find(answer, "action"))
		if string(action) != "accept" {
			c.Fail(fmt.Errorf("the user was asked to open a page first and said %.32q", action))
			return
		}
	}
	i.begin(newForward(), c, req, i.Kind.Use(), i.appendParams(nil, req))
}
