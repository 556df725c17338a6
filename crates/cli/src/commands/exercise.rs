//! `exercise`: open, close, list, join. The statements are signed with a member's root key; the exercise's
//! own keys are made here and never leave this machine.

use pouch_control::{Answer, Call, Client, ClientError, DirectoryView, ExerciseView};
use pouch_crypto::{KeyFingerprint, SigningKey, sha256};
use pouch_directory::{Act, ContactPointEntry, OfficerEntry};
use pouch_notice::visible;
use pouch_wire::{ContactPoint, Environment, ExerciseId, Member, Set};

use crate::args::{Exercise, Root, SignExercise};
use crate::clock;
use crate::commands::consent::{Asked, Called, consent, of_charter};
use crate::commands::keys::{directory, own_entry, root_of};
use crate::commands::network::{bounded, full_mandate, text};
use crate::commands::statements::{Carried, root as root_in, submit};
use crate::config::NodeFiles;
use crate::exit::Exit;
use crate::keyring::{KeyRing, cost, name};
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::render;
use crate::requests::{self, MemberRequest};

/// The refusal's code when nobody says yes.
const UNSIGNED: &str = "POUCH-EXR-15";

/// What every one of these commands needs.
struct Office<'a> {
    node: &'a NodeFiles,
    client: Client,
    view: DirectoryView,
    source: &'a Source,
    out: &'a Output,
}

pub(crate) async fn exercise(
    command: Exercise,
    node: &NodeFiles,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let client = node.client();
    let view = directory(&client).await?;
    let office = Office { node, client, view, source, out };
    match command {
        Exercise::Sign(_) => Err(Problem::usage("this command needs no node")),
        Exercise::List => {
            let exercises = &office.view.exercises;
            out.result("exercises", exercises, &render::exercises(exercises, clock::now()))
        }
        Exercise::Open { name, participants, from, until, root } => {
            let dates = (from.as_deref(), until.as_str());
            office.open(&name, participants, dates, &root).await
        }
        Exercise::Close { exercise, root } => office.close(&exercise, &root).await,
        Exercise::Join { exercise, root, cost } => office.join(&exercise, &root, cost.throw_away).await,
        Exercise::Officer { exercise, request, root } => {
            office.officer(&exercise, requests::read(&request)?, &root).await
        }
    }
}

impl Office<'_> {
    fn me(&self) -> &ContactPoint {
        &self.node.config.contact_point
    }

    /// The root key, when it is here.
    fn root(&self, root: &Root) -> Result<Option<SigningKey>, Problem> {
        let folder = root.member_dir.as_ref();
        folder.map(|folder| root_of(&self.view, self.me(), folder, self.source)).transpose()
    }

    async fn open(
        &self,
        name: &str,
        participants: Vec<Member>,
        (from, until): (Option<&str>, &str),
        root: &Root,
    ) -> Result<(), Problem> {
        let member = &self.me().member;
        if !participants.contains(member) {
            return Err(Problem::new(
                Exit::RefusedByPolicy,
                "POUCH-EXR-11",
                format!("{member} is not among the participants"),
            )
            .why("whoever opens an exercise takes part in it")
            .next(format!("add it: --participants {member},...")));
        }
        if name.trim().is_empty() || visible(name, true) != name || name.trim().eq_ignore_ascii_case("live") {
            return Err(Problem::usage(format!("{name:?} is no name for an exercise"))
                .why("it stands beside EXERCISE on every message, in every language's script, on one line")
                .next("choose plain words that nobody takes for the real thing"));
        }
        let now = clock::now();
        let act = Act::OpenExercise {
            name: text(name)?,
            participants: bounded(Set::new(participants))?,
            from: from.map_or(Ok(now), |from| clock::moment(from, now))?,
            until: clock::moment(until, now)?,
        };
        let carried = self.enact(act, (self.root(root)?, root), &[], "opens the exercise").await?;
        // An exercise's id is that of the statement that opens it.
        let id = ExerciseId(sha256(&carried.signed.statement));
        let value = serde_json::json!({ "id": id.to_string(), "name": name });
        self.out.result("exercise", &value, &format!("EXERCISE {name}  {id}"))?;
        self.out.next(&format!("each participating office joins: pouch exercise join {}", id.short()));
        Ok(())
    }

    async fn close(&self, wanted: &str, root: &Root) -> Result<(), Problem> {
        let exercise = self.called(wanted)?;
        let member = &self.me().member;
        if exercise.opened_by != *member {
            return Err(Problem::new(
                Exit::RefusedByPolicy,
                "POUCH-EXR-14",
                format!("EXERCISE {} was opened by {}", exercise.name, exercise.opened_by),
            )
            .why("only who opened an exercise closes it; it ends by itself at its own date")
            .next(format!("ask {} to close it", exercise.opened_by)));
        }
        self.still_open(exercise)?;
        let note = format!(
            "that closes EXERCISE {} for everybody, for ever: its keys are destroyed everywhere",
            exercise.name
        );
        let act = Act::CloseExercise { exercise: id_of(exercise)? };
        self.enact(act, (self.root(root)?, root), &[note], "closes the exercise").await.map(drop)
    }

    /// Makes the exercise's signing key beside the live one and lets the root authorise it. Nothing is lost if
    /// this stops half-way: the key that is there is used the next time.
    async fn join(&self, wanted: &str, root: &Root, throw_away: bool) -> Result<(), Problem> {
        let exercise = self.called(wanted)?;
        let id = id_of(exercise)?;
        self.may_take_part(exercise)?;
        if exercise.speaks {
            self.out.say(&format!("{} has joined EXERCISE {} already.", self.me(), exercise.name));
            return Ok(());
        }
        let root_key = self.root(root)?;
        let own = self.node.config.passphrase_file.as_deref();
        let ring = KeyRing::create(
            &self.node.config.keys,
            Source::choose(None, own)?.existing("this node's keys")?,
            cost(throw_away),
        )?;
        let file = name::exercise(id);
        let key = if ring.has(&file) { ring.signing(&file)? } else { ring.make_signing(&file)? };
        match self.client.call(&Call::ReloadKeys).await? {
            Answer::Keys(_) => {}
            _ => return Err(ClientError::Unexpected.into()),
        }
        let (_, live) = own_entry(&self.client, self.me()).await?;
        let environment = Environment::Exercise(id);
        let entry = ContactPointEntry { environment, signing: key.public(), ..live };
        let act = Act::AuthoriseContactPoint(Box::new(entry));
        self.enact(act, (root_key, root), &[part(exercise)], "lets this office take part").await?;
        self.out.line(&format!("digits {}", KeyFingerprint::of(&key.public().id())));
        self.out.next(&format!(
            "nothing: the node publishes its sealing keys for EXERCISE {} by itself; then: pouch send --exercise {} ...",
            exercise.name,
            id.short()
        ));
        Ok(())
    }

    async fn officer(&self, wanted: &str, request: MemberRequest, root: &Root) -> Result<(), Problem> {
        let exercise = self.called(wanted)?;
        self.may_take_part(exercise)?;
        let MemberRequest::Officer(request) = request else {
            return Err(Problem::usage("the request is not an officer's").next("give officer.toml"));
        };
        if request.contact_point != *self.me() {
            let whose = format!("the request is for an officer of {}", request.contact_point);
            return Err(Problem::usage(whose).next(format!("this node speaks for {}", self.me())));
        }
        let entry = OfficerEntry {
            contact_point: request.contact_point,
            environment: Environment::Exercise(id_of(exercise)?),
            key: request.key,
            title: text(&request.title)?,
            person: text(&request.person)?,
            mandate: full_mandate()?,
        };
        let act = Act::AuthoriseOfficer(Box::new(entry));
        let does = "authorises the officer for the exercise";
        self.enact(act, (self.root(root)?, root), &[part(exercise)], does).await.map(drop)
    }

    /// Puts a statement into the directory, or into a file: signed when the key is here.
    async fn enact(
        &self,
        act: Act,
        (key, root): (Option<SigningKey>, &Root),
        notes: &[String],
        does: &str,
    ) -> Result<Carried, Problem> {
        let unsigned = Carried::new(self.view.network, act)?;
        let carried = match &key {
            Some(key) => {
                let asked = Asked {
                    signer: format!("the root key of {}", self.me().member),
                    network: Called::by_node(&self.view.name),
                    notes,
                    yes: root.yes,
                    refusal: UNSIGNED,
                };
                consent(&unsigned, &asked, self.out)?;
                unsigned.with(key)?
            }
            None => unsigned,
        };
        let Some(path) = &root.output else {
            let index = submit(&self.client, carried.entry()?).await?;
            self.out.say(&format!("The directory's entry {index} {does}."));
            return Ok(carried);
        };
        carried.write(path)?;
        let file = path.display();
        self.out.say(&format!("The statement that {does} is in {file}."));
        self.out.next(&match key {
            Some(_) => format!("publish it from any node: pouch directory submit {file}"),
            None => {
                format!("where the root key is: pouch exercise sign {file} --member-dir DIR --output SIGNED")
            }
        });
        Ok(carried)
    }

    fn called(&self, wanted: &str) -> Result<&ExerciseView, Problem> {
        called(&self.view, wanted)
    }

    fn still_open(&self, exercise: &ExerciseView) -> Result<(), Problem> {
        if matches!(exercise.state.as_str(), "running" | "not begun") {
            return Ok(());
        }
        let what = format!("EXERCISE {} is {}", exercise.name, exercise.state);
        Err(Problem::new(Exit::RefusedByPolicy, "POUCH-EXR-12", what)
            .why("an exercise that is over stays over")
            .next("open another: pouch exercise open"))
    }

    fn may_take_part(&self, exercise: &ExerciseView) -> Result<(), Problem> {
        let member = &self.me().member;
        if !exercise.participants.contains(member) {
            let what = format!("{member} does not take part in EXERCISE {}", exercise.name);
            return Err(Problem::new(Exit::RefusedByPolicy, "POUCH-EXR-13", what)
                .why("the statement that opened it names who does, and the directory takes no other's keys")
                .next("ask who opened it for another exercise that names this member"));
        }
        self.still_open(exercise)
    }
}

/// The exercise of this name, or whose id begins so.
pub(crate) fn called<'a>(view: &'a DirectoryView, wanted: &str) -> Result<&'a ExerciseView, Problem> {
    let beginning = wanted.to_lowercase();
    let by_id = |e: &ExerciseView| beginning.len() >= 4 && e.id.starts_with(&beginning);
    let found: Vec<&ExerciseView> = view.exercises.iter().filter(|e| e.name == wanted || by_id(e)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Problem::new(Exit::NotFound, "POUCH-EXR-10", format!("no exercise is called {wanted:?}"))
            .next("pouch exercise list")),
        more => {
            Err(Problem::new(Exit::NotFound, "POUCH-EXR-10", format!("{wanted:?} is more than one exercise"))
                .next(format!("give an id: {}", more.iter().map(|e| &*e.id).collect::<Vec<_>>().join(", "))))
        }
    }
}

/// Which exercise it is, by the node's words.
fn part(exercise: &ExerciseView) -> String {
    format!(
        "that is, as the node says: EXERCISE {}, opened by {}, {}",
        exercise.name, exercise.opened_by, exercise.state
    )
}

fn id_of(exercise: &ExerciseView) -> Result<ExerciseId, Problem> {
    exercise.id.parse().map(ExerciseId).map_err(|_| ClientError::Unexpected.into())
}

/// Signs a statement about an exercise with a root key that no node is near. Nothing else is signed here: a
/// root key that signs whatever is put before it is everybody's.
pub(crate) fn sign(command: &SignExercise, source: &Source, out: &Output) -> Result<(), Problem> {
    let SignExercise { file, member_dir, charter, output, yes } = command;
    let carried = Carried::read(file)?;
    if !about_an_exercise(&carried.statement.act) {
        let what = format!("{}: is not about an exercise", file.display());
        return Err(Problem::new(Exit::RefusedByPolicy, "POUCH-EXR-17", what)
            .why(format!("it {}", carried.words().join(" ")))
            .next("ask whoever sent it what it is for; sign nothing that you did not expect"));
    }
    let network = match charter {
        Some(charter) => Called::by_charter(&of_charter(charter, carried.statement.network)?),
        None => Called::unknown(),
    };
    let signer = format!("the root key in {}", member_dir.display());
    consent(&carried, &Asked { signer, network, notes: &[], yes: *yes, refusal: UNSIGNED }, out)?;
    let signed = carried.with(&root_in(member_dir, source)?)?;
    signed.write(output)?;
    let value = serde_json::json!({ "file": output, "words": signed.words(), "digits": signed.digits() });
    out.result("exercise-signed", &value, &format!("signed; in {}", output.display()))?;
    out.next(&format!("publish it from any node: pouch directory submit {}", output.display()));
    Ok(())
}

fn about_an_exercise(act: &Act) -> bool {
    match act {
        Act::OpenExercise { .. } | Act::CloseExercise { .. } => true,
        Act::AuthoriseContactPoint(entry) => entry.environment != Environment::Live,
        Act::AuthoriseOfficer(entry) => entry.environment != Environment::Live,
        _ => false,
    }
}
