//! Every way in, as code over a manager and over what the task captures.

/// Expands `$place!` once for each way in, within a test of the way's name. `$place` gets the names
/// of the manager and of the captured value, and code that awaits the way and gives 250.
macro_rules! each_way {
    ($place:ident) => {
        each_way! { $place:
            closure => |tasks, it| tasks.queue(move |_: Context| {
                let it = it.clone();
                async move { Ok(it.answer()) }
            });
            closure_over_a_function => |tasks, it| tasks.queue(move |cx: Context| {
                deliver(it.clone(), cx)
            });
            function_with_its_state => |tasks, it| tasks.queue(with(it, deliver));
            future => |tasks, it| tasks.queue(async move { Ok(it.answer()) });
            blocking_code => |tasks, it| tasks.queue(blocking(move |_: Context| Ok(it.answer())));
            type_that_is_a_task => |tasks, it| tasks.queue(Deliver(it));
            boxed_future => |tasks, it| {
                let boxed: BoxFuture<'static, Result<u8, TaskError>> =
                    Box::pin(async move { Ok(it.answer()) });
                tasks.queue(boxed)
            };
            wrapped_closure => |tasks, it| tasks.queue(
                wrap(move |cx: Context| deliver(it.clone(), cx)).retries(3)
            );
            wrapped_with_state => |tasks, it| tasks.queue(wrap(with(it, deliver)).retries(3));
            wrapped_future => |tasks, it| tasks.queue(
                wrap(async move { Ok(it.answer()) }).name("wrapped")
            );
            wrapped_type => |tasks, it| tasks.queue(wrap(Deliver(it)).retries(3));
            wrapped_blocking => |tasks, it| tasks.queue(
                wrap(blocking(move |_: Context| Ok(it.answer()))).retries(3)
            );
            delayed_closure => |tasks, it| {
                tasks.delay(Duration::from_millis(1), move |cx: Context| deliver(it.clone(), cx))
            };
            delayed_future => |tasks, it| {
                tasks.delay(Duration::from_millis(1), async move { Ok(it.answer()) })
            };
            delayed_type => |tasks, it| tasks.delay(Duration::from_millis(1), Deliver(it));
            scheduled_closure => |tasks, it| {
                tasks.schedule(SystemTime::now(), move |cx: Context| deliver(it.clone(), cx))
            };
            scheduled_future => |tasks, it| {
                tasks.schedule(SystemTime::now(), async move { Ok(it.answer()) })
            };
            scheduled_blocking => |tasks, it| {
                tasks.schedule(SystemTime::now(), blocking(move |_: Context| Ok(it.answer())))
            };
            with_every_option => |tasks, it| tasks
                .queue(move |cx: Context| deliver(it.clone(), cx))
                .retries(3)
                .backoff(Constant::new(Duration::from_millis(1)))
                .timeout(Duration::from_secs(60))
                .give_up_after(Duration::from_secs(60))
                .expires_after(Duration::from_secs(60))
                .context(CancellationToken::new())
                .error("it was not sent")
                .name("mail")
                .wait_at_most(Duration::from_secs(60));
            future_with_every_option => |tasks, it| tasks
                .queue(async move { Ok(it.answer()) })
                .timeout(Duration::from_secs(60))
                .give_up_after(Duration::from_secs(60))
                .expires_after(Duration::from_secs(60))
                .context(CancellationToken::new())
                .error("it was not sent")
                .name("mail")
                .wait_at_most(Duration::from_secs(60));
        }
    };
    ($place:ident: $($way:ident => |$tasks:ident, $it:ident| $submit:expr;)+) => {
        $(
            #[tokio::test]
            async fn $way() {
                $place!(|$tasks, $it| $submit.await.expect("it runs").await.expect("it succeeds"));
            }
        )+
        #[tokio::test]
        async fn try_now() {
            $place!(|tasks, it| {
                let handle = tasks.queue(move |cx: Context| deliver(it.clone(), cx)).try_now();
                handle.expect("there is room").await.expect("it succeeds")
            });
        }

        #[tokio::test]
        async fn executed_at_once() {
            $place!(|tasks, it| {
                let handler = wrap(move |cx: Context| deliver(it.clone(), cx));
                tasks.exec(handler).await.await.expect("it succeeds")
            });
        }

        #[tokio::test]
        async fn executed_future() {
            $place!(|tasks, it| {
                let handler = wrap(async move { Ok(it.answer()) });
                tasks.exec(handler).await.await.expect("it succeeds")
            });
        }

        #[tokio::test]
        async fn many_closures() {
            $place!(|tasks, it| {
                let mails = (0..100).map(move |_| {
                    let it = it.clone();
                    move |cx: Context| deliver(it.clone(), cx)
                });
                let handles = tasks.queue_many(mails).await.expect("it runs");
                handles.into_iter().last().expect("there are some").await.expect("it succeeds")
            });
        }

        #[tokio::test]
        async fn many_wrapped_futures() {
            $place!(|tasks, it| {
                let mails: Vec<_> = (0..100)
                    .map(|_| {
                        let it = it.clone();
                        wrap(async move { Ok(it.answer()) }).name("one of many")
                    })
                    .collect();
                let handles = tasks.queue_many(mails).await.expect("it runs");
                handles.into_iter().last().expect("there are some").await.expect("it succeeds")
            });
        }

        #[tokio::test]
        async fn many_types() {
            $place!(|tasks, it| {
                let handles = tasks.queue_many([Deliver(it.clone()), Deliver(it)]).await;
                let last = handles.expect("it runs").into_iter().last();
                last.expect("there are some").await.expect("it succeeds")
            });
        }
    };
}

pub(crate) use each_way;
