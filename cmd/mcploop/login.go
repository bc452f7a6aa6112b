package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/oauth"
	"github.com/mcploop/mcploop/server/config"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/spf13/cobra"
)

func newLoginCommand() *cobra.Command {
	var file string
	var noBrowser bool
	cmd := &cobra.Command{
		Use:   "login UPSTREAM -c FILE",
		Short: "Log in to an upstream that wants OAuth, with a browser",
		Long: "Log in to an upstream of the configuration that wants a token (OAuth), and keep\n" +
			"what is got where a server that runs with the same file finds it; it goes on\n" +
			"without a restart. The browser must be able to reach this host's loopback address.",
		Example: "  mcploop login github -c mcploop.yaml\n" +
			"  mcploop login github -c ~/.cursor/mcp.json --no-browser",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := loginOptions(file, args[0])
			if err != nil {
				return err
			}
			l := login{opt: opt, out: cmd.OutOrStdout(), show: openBrowser}
			if noBrowser {
				l.show = nil
			}
			return l.run(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", configUsage)
	cmd.Flags().BoolVar(&noBrowser, "no-browser", false, "only print where to log in")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

func newLogoutCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "logout UPSTREAM -c FILE",
		Short: "Forget the tokens of an upstream, and its registration",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := loginOptions(file, args[0])
			if err != nil {
				return err
			}
			was, err := opt.OAuth.Store.Remove(gateway.Resource(opt.Client.URL))
			switch {
			case err != nil:
				return err
			case was:
				fmt.Fprintf(cmd.OutOrStdout(), "the tokens of %s were removed\n", opt.Name)
			default:
				fmt.Fprintf(cmd.OutOrStdout(), "there are no tokens of %s\n", opt.Name)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", configUsage)
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// loginOptions are those of an upstream that may have tokens.
func loginOptions(file, name string) (*gateway.Options, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	u, ok := cfg.Upstreams[name]
	if !ok {
		return nil, fmt.Errorf("cannot find upstream %q in %s; it has %s", name, file,
			strings.Join(slices.Sorted(maps.Keys(cfg.Upstreams)), ", "))
	}
	opt := upstreamOptions(name, &u)
	switch {
	case opt.OAuth == nil:
		return nil, fmt.Errorf("cannot log in to %s: it gets no tokens; OAuth wants a url of "+
			"https://, or of this host, no header Authorization, and oauth.use other than never",
			name)
	case opt.OAuth.Store.Dir == "":
		return nil, fmt.Errorf("cannot keep tokens of %s: there is no home directory; set "+
			"upstreams.%s.oauth.store", name, name)
	}
	return &opt, nil
}

// login is one of mcploop login.
type login struct {
	opt  *gateway.Options
	out  io.Writer
	show func(ctx context.Context, page string) error // nil: it is only printed
}

func (l *login) run(ctx context.Context) error {
	o := *l.opt.OAuth
	if o.Options.Grant != oauth.AuthorizationCode {
		return fmt.Errorf("cannot log in to %s: its grant %s needs nobody", l.opt.Name,
			o.Options.Grant)
	}
	r, err := listenFor(o.Options.RedirectURL)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	o.Options.RedirectURL = r.RedirectURL()
	store := &loginStore{TokenStore: o.Store}
	o.Options.Store = store
	source, err := o.NewSource(&l.opt.Client, r.Open(l.bring))
	if err != nil {
		return err
	}
	tokens := client.NewTokens(source)
	defer tokens.Close()
	c, err := l.connect(ctx, tokens)
	if err == nil && !store.saved {
		_ = c.Close()
		// It lets everybody in at first: only its metadata say where to log in.
		if err = source.Login(ctx); err == nil {
			c, err = l.connect(ctx, tokens)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot log in to %s: %w", l.opt.Name, err)
	}
	defer func() { _ = c.Close() }()
	fmt.Fprintf(l.out, "logged in to %s (%s); the token is in %s\n", l.opt.Name,
		c.ServerInfo().Name, o.Store.Path(gateway.Resource(l.opt.Client.URL)))
	return nil
}

// connect connects to the upstream, which is where it says that it wants a token.
func (l *login) connect(ctx context.Context, tokens *client.Tokens) (*client.Client, error) {
	opt := l.opt.Client
	opt.Tokens = tokens
	opt.CallTimeout = l.opt.OAuth.Options.LoginTimeout + l.opt.Timeout
	opt.ProbeTimeout = opt.CallTimeout
	return client.Connect(ctx, opt)
}

// listenFor waits for the browser where it will be sent back to; "": anywhere on this host.
func listenFor(redirect string) (*oauth.Receiver, error) {
	if redirect == "" {
		return oauth.Listen("127.0.0.1:0")
	}
	return oauth.ListenAt(redirect)
}

// bring has the user go to the page, by themselves if need be.
func (l *login) bring(ctx context.Context, page string) error {
	fmt.Fprintf(l.out, "Open this page to log in to %s:\n\n  %s\n\n", l.opt.Name, page)
	if to, err := url.Parse(page); err == nil {
		if back, err := url.Parse(to.Query().Get("redirect_uri")); err == nil {
			fmt.Fprintf(l.out, "The browser comes back to %s. From another host, forward that "+
				"first: ssh -L %s:%s THIS_HOST\n", back.Host, back.Port(), back.Host)
		}
	}
	if l.show != nil {
		if err := l.show(ctx, page); err != nil {
			fmt.Fprintf(l.out, "No browser could be started: %v\n", err)
		}
	}
	return nil
}

// openBrowser starts the user's browser and does not wait for it. page begins with http.
func openBrowser(_ context.Context, page string) error {
	program := "xdg-open"
	if own := os.Getenv("BROWSER"); own != "" {
		program = own
	} else if runtime.GOOS == "darwin" {
		program = "open"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	browser := exec.Command(path, page)
	if err := browser.Start(); err != nil {
		return err
	}
	go func() { _ = browser.Wait() }() // it is the user's
	return nil
}

// loginStore hides the tokens that there are, so that others are got, and keeps the registration.
// What there is stays until there are others. Its lock is that of the servers that run: one may be
// about to renew what there is. One goroutine uses it at a time.
type loginStore struct {
	gateway.TokenStore
	saved bool          // there are new ones
	draft *oauth.Stored // what was saved before there were any
}

// Load implements oauth.Store.
func (s *loginStore) Load(resource string) (*oauth.Stored, error) {
	if s.draft != nil {
		return s.draft, nil
	}
	stored, err := s.TokenStore.Load(resource)
	if s.saved {
		return stored, err
	}
	if err != nil {
		return nil, nil // what cannot be read is replaced
	}
	if stored != nil {
		stored.Access, stored.Refresh = "", ""
	}
	return stored, nil
}

// Save implements oauth.Store.
func (s *loginStore) Save(resource string, stored *oauth.Stored) error {
	if stored.Access == "" && !s.saved {
		s.draft = stored
		return nil
	}
	err := s.TokenStore.Save(resource, stored)
	if err == nil {
		s.saved, s.draft = true, nil
	}
	return err
}
