package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/load"
)

// textBlank stands for the text of a call in --args and --expect.
const textBlank = "{text}"

// settle finds out which era the server speaks, when it has to be found out, whether it has the
// tool and what it answers.
func (t *target) settle(ctx context.Context, era string) error {
	var eras []string
	switch {
	case era == eraModern || era == eraLegacy:
		eras = []string{era}
	case era != eraAuto:
		return fmt.Errorf("cannot use era %q: it is auto, modern or legacy", era)
	case t.opt.Transport == load.TransportWS:
		eras = []string{eraLegacy}
	default:
		eras = []string{eraModern, eraLegacy}
	}
	var errs []error
	for _, e := range eras {
		t.setEra(e)
		err := t.probe(ctx)
		var tool *toolError
		isTool := errors.As(err, &tool)
		if era != eraAuto && (!isTool || tool.refused) {
			return nil // a server that refuses some calls is for the run to judge
		}
		if err == nil || isTool {
			return err
		}
		errs = append(errs, fmt.Errorf("%s: %w", e, err))
	}
	return fmt.Errorf("cannot call %q at %s: %w", t.opt.Tool, t.said.Target, errors.Join(errs...))
}

// toolWait is how long a gateway that was started here may take until it has the tool.
const toolWait = 3 * time.Second

// settleSoon is settle for a gateway that may have been started a moment ago.
func (t *target) settleSoon(ctx context.Context, era string) error {
	for began := time.Now(); ; {
		err := t.settle(ctx, era)
		var tool *toolError
		if !errors.As(err, &tool) || t.child == nil || time.Since(began) > toolWait {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (t *target) setEra(era string) {
	t.opt.Era = era
	if strings.HasPrefix(t.opt.Transport, "http-") {
		t.opt.Transport = "http-" + era
	}
}

// toolError is about the tool: another era does not help.
type toolError struct {
	text    string
	refused bool // it may be good another time
}

func (e *toolError) Error() string { return e.text }

func (t *target) badTool(format string, args ...any) *toolError {
	return &toolError{text: fmt.Sprintf("cannot load %s with tool %q: ", t.said.Target,
		t.opt.Tool) + fmt.Sprintf(format, args...)}
}

// refusal is a bad tool that may be good another time.
func (t *target) refusal(format string, args ...any) error {
	err := t.badTool(format, args...)
	err.refused = true
	return err
}

// said is an answer to tools/list or tools/call.
type said struct {
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Result *struct {
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
		NextCursor string `json:"nextCursor"`
		Meta       struct {
			Info info `json:"io.modelcontextprotocol/serverInfo"` // 2026-07-28, basic: _meta
		} `json:"_meta"`
		IsError bool `json:"isError"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	} `json:"result"`
}

// info is what a server says of itself.
type info struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// whoIs returns the name and version that a server gives, in its answer to initialize or, in the
// modern era, in that to any request; empty: it gives none.
func whoIs(hello []byte, modern info) (name, version string) {
	var a struct {
		Result struct {
			Info info `json:"serverInfo"`
		} `json:"result"`
	}
	if json.Unmarshal(hello, &a) == nil && a.Result.Info != (info{}) {
		return a.Result.Info.Name, a.Result.Info.Version
	}
	return modern.Name, modern.Version
}

// probe asks for the tools and makes two calls.
func (t *target) probe(ctx context.Context) error {
	o := t.opt
	o.Method = []string{load.MethodList, load.MethodCall, load.MethodCall}
	hello, heard, err := load.Ask(ctx, o)
	if len(heard) == 0 {
		return err
	}
	var list said
	if json.Unmarshal(heard[0].Message, &list) != nil || list.Result == nil {
		return fmt.Errorf("tools/list was answered with %d: %s", heard[0].Status,
			brief(heard[0].Message))
	}
	t.said.Name, t.said.Version = whoIs(hello, list.Result.Meta.Info)
	var names []string
	for _, tool := range list.Result.Tools {
		names = append(names, tool.Name)
	}
	if !slices.Contains(names, o.FirstTool()) && list.Result.NextCursor == "" {
		return t.badTool("it has no such tool but %s; name one with --tool, its arguments with "+
			"--args and the text of its answer with --expect", strings.Join(names, ", "))
	}
	if err != nil {
		return err
	}
	return t.learn(heard[1], heard[2])
}

// learn compares two answers with what is expected. Where nothing was said about it and the text
// stands in a frame that is always the same, that is expected from now on.
func (t *target) learn(first, second load.Heard) error {
	frame, err := t.frameOf(&first)
	if err != nil {
		return err
	}
	again, err := t.frameOf(&second)
	if err != nil {
		return err
	}
	o := &t.opt
	switch {
	case o.Expect != "":
		if frame != o.Expect {
			return t.badTool("it answers %q, and --expect is %q", frame, o.Expect)
		}
	case !strings.Contains(o.Args, textBlank):
		// Any answer will do: --expect says otherwise.
	case frame != again || !strings.Contains(frame, textBlank):
		return t.badTool("it answers %q, which is not %s in a frame that stays the same; give "+
			"other --args, without %s if need be", frame, textBlank, textBlank)
	case frame != textBlank:
		o.Expect = frame
		t.notes = append(t.notes, fmt.Sprintf("tool %q answers %q: that was expected",
			o.Tool, frame))
	}
	return nil
}

// frameOf returns the text of an answer with {text} for that of the call.
func (t *target) frameOf(h *load.Heard) (string, error) {
	var a said
	err := json.Unmarshal(h.Message, &a)
	switch {
	case a.Error != nil:
		return "", t.refusal("error %d: %s; give other --args", a.Error.Code, a.Error.Message)
	case err != nil || a.Result == nil:
		return "", fmt.Errorf("tools/call was answered with %d: %s", h.Status, brief(h.Message))
	}
	text := ""
	if len(a.Result.Content) > 0 {
		text = a.Result.Content[0].Text
	}
	if a.Result.IsError {
		return "", t.refusal("it fails: %s; give other --args", brief([]byte(text)))
	}
	return strings.ReplaceAll(text, h.Text, textBlank), nil
}

// brief shortens what a server said for an error text.
func brief(b []byte) string {
	const most = 300
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}

// try makes the calls of t for a moment.
func (t *target) try() error {
	o := t.opt
	o.Conns, o.Depth, o.Warmup, o.Span = 1, 1, 0, time.Millisecond
	res, err := load.Run(context.Background(), o, load.Hooks{})
	if err != nil {
		return err
	}
	return res.Err()
}
