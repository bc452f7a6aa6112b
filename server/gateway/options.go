package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"reflect"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// Options say what an upstream is and what it may cost.
type Options struct {
	Name string // 1..32 characters of [A-Za-z0-9_-], the first part of its tools' names

	// Client says how it is reached: URL or Command, and the limits of the connection. Group, Log,
	// AsksMax, Dropped and the On functions are set by the gateway, Stderr and Capabilities where
	// they are nil.
	Client client.Options
	// Provider is what runs behind the upstream instead of an MCP server. Of Client only
	// InFlightMax has a meaning then. The upstream closes it.
	Provider Provider
	// OAuth gets tokens for the upstream, where Client.URL leads to HTTP or WebSocket; nil: none.
	OAuth *OAuth

	Separator string   // between Name and a tool's own name, default "__"
	Allow     []string // patterns (path.Match) of own names of tools to offer; none: all
	Deny      []string // patterns of those that are not, whatever Allow says

	// Credentials are what is sent for whom; the zero value sends Client.Headers for everybody.
	Credentials Credentials

	// Rename gives tools and prompts other names in place of their own, by their own names.
	Rename map[string]string

	Timeout      time.Duration // longest wait for the answer to a call, default 60 s
	StartTimeout time.Duration // from connecting to the lists, default 60 s
	Refresh      time.Duration // its lists are asked for anew after so long, default 5 min
	Grace        time.Duration // what a lost upstream offers stays listed so long, default 30 s
	BackoffMin   time.Duration // before the second attempt to connect, default 100 ms
	BackoffMax   time.Duration // each further one waits twice as long, up to this; default 30 s

	// Instances is how many connections, or processes, of the upstream there are at the same time,
	// 1..256, default 1: a call goes to the one with the fewest calls in flight.
	Instances int
	// Share says who uses an instance together. Other than ShareAll, Instances must be 1: that one
	// lists what there is, and each principal, session or call has another one of its own.
	Share Share
	// InstancesMax is how many of these there may be, default 64. One more principal or session is
	// refused, one more call waits; InFlightMax calls do.
	InstancesMax int
	InstanceIdle time.Duration // one without a call for so long ends, default 10 min

	// Subscriptions is how many resources the upstream is asked to tell of, as clients listen to
	// them, default 1000. Clients hear of no changes of further ones.
	Subscriptions int
	// AsksMax is how many calls of a legacy upstream may wait for what it has asked their clients,
	// default 1024; AskTimeout is how long each, default 10 min. That time is none of Timeout's.
	AsksMax    int
	AskTimeout time.Duration

	// FirstByte and BetweenBytes are those of a client.Call; 0: Timeout alone.
	FirstByte, BetweenBytes time.Duration

	// RetryPercent of the calls may be sent once more, if they failed before anything of them was
	// sent, or lost their connection and may run twice. Default 10, negative: none. RetryReserve
	// calls are sent again beyond that, and one more each second since; default 10, negative: none.
	RetryPercent, RetryReserve int
	// ListMax items of each kind are offered at most; the rest is left out. Default 10,000.
	ListMax int

	// BreakerFailures calls in a row that fail open the breaker of their tool or of the upstream:
	// default 5, negative: it never opens. For BreakerOpenFor nothing is sent then, default 30 s;
	// BreakerProbes calls that succeed close it, default 3.
	BreakerFailures int
	BreakerOpenFor  time.Duration
	BreakerProbes   int

	// StderrLines is how many lines a second of what a Command writes on its standard error go
	// into the log, the first 1,024 bytes of each; the rest is counted. Default 10. It has no
	// meaning when Client.Stderr is set.
	StderrLines int
}

const (
	nameMax       = 32
	instancesMost = 256
)

// Equal tells whether an upstream with other options is the same one.
func (o *Options) Equal(other *Options) bool {
	a, b := *o, *other
	if a.Provider == nil || b.Provider == nil {
		return reflect.DeepEqual(a, b)
	}
	same := a.Provider == b.Provider
	if e, ok := a.Provider.(Equaler); ok && !same {
		same = e.Equal(b.Provider)
	}
	a.Provider, b.Provider = nil, nil
	return same && reflect.DeepEqual(a, b)
}

func (o Options) withDefaults() Options {
	if o.Separator == "" {
		o.Separator = "__"
	}
	setDefault(&o.Timeout, 60*time.Second)
	setDefault(&o.StartTimeout, 60*time.Second)
	setDefault(&o.Refresh, 5*time.Minute)
	setDefault(&o.Grace, 30*time.Second)
	setDefault(&o.BackoffMin, 100*time.Millisecond)
	setDefault(&o.BackoffMax, 30*time.Second)
	setDefault(&o.AsksMax, 1024)
	setDefault(&o.AskTimeout, 10*time.Minute)
	setDefault(&o.StderrLines, 10)
	setDefault(&o.Instances, 1)
	setDefault(&o.InstancesMax, 64)
	setDefault(&o.InstanceIdle, 10*time.Minute)
	setDefault(&o.Subscriptions, 1000)
	setDefault(&o.Client.InFlightMax, 4096)
	setDefault(&o.Client.NoticesPerSecond, 10_000)
	setDefault(&o.RetryPercent, 10)
	setDefault(&o.RetryReserve, 10)
	setDefault(&o.ListMax, 10_000)
	setDefault(&o.BreakerFailures, 5)
	setDefault(&o.BreakerOpenFor, 30*time.Second)
	setDefault(&o.BreakerProbes, 3)
	return o
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// validate reports every fault but those of Client, which connecting tells. withDefaults ran
// before.
func (o *Options) validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !validPart(o.Name) || len(o.Name) > nameMax {
		bad("cannot name an upstream %q; take 1 to %d characters of A-Z a-z 0-9 _ -",
			o.Name, nameMax)
	}
	if !validPart(o.Separator) || len(o.Separator) > 4 {
		bad("cannot use separator %q; take 1 to 4 characters of A-Z a-z 0-9 _ -", o.Separator)
	}
	for _, pattern := range append(append([]string(nil), o.Allow...), o.Deny...) {
		if _, err := path.Match(pattern, ""); err != nil {
			bad("cannot use the pattern %q of tool names; see path.Match for what it may hold",
				pattern)
		}
	}
	o.renameFaults(bad)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Timeout", o.Timeout},
		{"StartTimeout", o.StartTimeout},
		{"Refresh", o.Refresh},
		{"Grace", o.Grace},
		{"BackoffMin", o.BackoffMin},
		{"BackoffMax", o.BackoffMax},
		{"AskTimeout", o.AskTimeout},
		{"FirstByte", o.FirstByte},
		{"BetweenBytes", o.BetweenBytes},
		{"BreakerOpenFor", o.BreakerOpenFor},
		{"InstanceIdle", o.InstanceIdle},
	} {
		if d.value < 0 {
			bad("cannot use %s = %v; it must not be negative", d.name, d.value)
		}
	}
	_, borne := o.Provider.(Borne)
	faults = append(faults, o.Credentials.validate(&o.Client, o.Share, borne),
		o.OAuth.validate(&o.Client))
	faults = append(faults, o.checkCounts()...)
	o.instanceFaults(bad)
	ways := 0
	for _, set := range []bool{o.Client.URL != "", len(o.Client.Command) > 0, o.Provider != nil} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		bad("cannot reach the upstream; set either a URL or a command or a provider")
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("upstream %q: %w", o.Name, err)
	}
	return nil
}

// instanceFaults reports what is wrong with the instances.
func (o *Options) instanceFaults(bad func(format string, args ...any)) {
	if o.Instances < 1 || o.Instances > instancesMost || o.InstancesMax < 1 {
		bad("cannot use Instances = %d, InstancesMax = %d; set them to 1..%d, and 1 or more",
			o.Instances, o.InstancesMax, instancesMost)
	}
	if o.Share > ShareCall || o.Instances > 1 && (o.Share != ShareAll || o.Provider != nil) ||
		o.Share != ShareAll && o.Provider != nil {
		bad("cannot use Share = %d with %d instances; several are for ShareAll, and a provider "+
			"is one for all", o.Share, o.Instances)
	}
}

// checkCounts reports what is wrong with the numbers that are no times.
func (o *Options) checkCounts() (faults []error) {
	for _, n := range []struct {
		name  string
		value int
	}{
		{"Subscriptions", o.Subscriptions},
		{"AsksMax", o.AsksMax},
		{"ListMax", o.ListMax},
		{"BreakerProbes", o.BreakerProbes},
		{"StderrLines", o.StderrLines},
	} {
		if n.value < 0 {
			faults = append(faults, fmt.Errorf("cannot use %s = %d; it must not be negative",
				n.name, n.value))
		}
	}
	if o.RetryPercent > 100 {
		faults = append(faults, fmt.Errorf("cannot use RetryPercent = %d; it must not be above 100",
			o.RetryPercent))
	}
	return faults
}

// validPart: s can stand in a tool's name.
func validPart(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) || s[i] == '.' {
			return false
		}
	}
	return s != ""
}

// nameByte: c may stand in a tool's name (2025-11-25, server/tools).
func nameByte(c byte) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	return letter || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// Host is the server that upstreams stand behind.
type Host struct {
	Group *loop.Group  // where connections live; started, outlives the upstreams
	Log   *slog.Logger // the few lines of the control plane
	// Offer puts an item into its list or replaces it; Withdraw takes it out. They are called on
	// goroutines of the gateway, for one upstream from one at a time.
	Offer    func(*Item) error
	Withdraw func(kind mcp.Kind, name string)
	// Cached is called when Upstream.Caching has changed; nil is nobody.
	Cached func()
	// Changed is called where the upstream says that a list has changed, and nothing in it was
	// offered or withdrawn; nil is nobody.
	Changed func(kind mcp.Kind)
	// Settled is called behind the last Offer and Withdraw of several; nil is nobody.
	Settled func()
	// Updated is told of a resource that has changed, Wanted returns the URIs that clients listen
	// to: Upstream.Heed is called when they are others. Nil: nobody listens.
	Updated func(uri string)
	Wanted  func() []string
	// TaskChanged is told of a task of the upstream that has changed, raw params with its own id;
	// WantedTasks returns the ids of those that clients listen to, as Wanted.
	TaskChanged func(params []byte)
	WantedTasks func() []string
	// Holder returns the upstream of this name that Holds a call, if another one has taken its
	// place before the client came back, else nil. Nil: none ever takes the place of another.
	Holder func(id string) *Upstream
	// Ready is called when an upstream has connected and listed, each time; nil is nobody.
	Ready func()
}
